"""Prepares the machines that a workshop's seats work with: its programs and playbooks, for one appliance after the other.

``python -m wod_backend_agent.appliance_setup WKSHP-Name [first,last]`` does it by hand, with the agent's settings.
For each: the hooks ``setup-pre`` here, the trees' playbooks and the programs ``setup`` there, the hooks ``setup-post`` here.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog

from wod_backend_agent.content import workshop_of
from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import RUN_MARKER, Delivery, DeliveryFailed, Seat
from wod_backend_agent.delivery.runs import PlaybookRun
from wod_backend_agent.hook_output import KEPT_BYTES, last_lines
from wod_backend_agent.hooks import HookCall, HookFailed, Hooks
from wod_backend_agent.inventory import write_inventory
from wod_backend_agent.journal_rows import HookResult
from wod_backend_agent.manifest import MalformedManifest, Manifest, read_manifest
from wod_backend_agent.masking import masked
from wod_backend_agent.passwords import new_password
from wod_backend_agent.settings import Misconfigured, Settings, take_settings
from wod_backend_agent.trees import Hook, Trees

#: Of the hooks' environment, what says nothing to another machine.
_OF_THIS_MACHINE = frozenset({"HOME", "LANG", "PATH", "stddir", RUN_MARKER})


class CannotSetUp(Exception):
    """Says what the workshop lacks, or which seats are wrong."""


@dataclass(frozen=True)
class Plan:
    """The appliances of ``students``, counted from ``first``; a mono-appliance is prepared once, for the first of them."""

    workshop: str
    students: range
    first: int
    is_ldap: bool
    per_seat: bool

    @property
    def turns(self) -> range:
        return self.students if self.per_seat else self.students[:1]


class ApplianceSetup:
    """``runs`` is the agent's own folder, mode 0700; ``limit_seconds`` is for each step."""

    def __init__(
        self,
        trees: Trees,
        delivery: Delivery,
        runs: Path,
        variables: Mapping[str, str],
        seat: Callable[[int], Seat],
        *,
        api_url: str,
        limit_seconds: float,
    ) -> None:
        self._trees = trees
        self._delivery = delivery
        self._runs = runs
        self._variables = dict(variables)
        self._seat = seat
        self._api_url = api_url
        self._limit = limit_seconds

    def plan(self, workshop: str, seats: tuple[int, int] | None = None, first: int | None = None) -> Plan:
        """``seats`` are all of the range in wod.yml where they are not given. Raises CannotSetUp."""
        manifest = self._manifest(workshop)
        if not manifest.has_appliance:
            raise CannotSetUp(f"{workshop} has no appliance: its wod.yml says neither monoappliance nor multiappliance")
        if not self._steps(workshop):
            raise CannotSetUp(f"{workshop} has nothing to prepare its appliance with: no setup program, no playbook")
        students = seats or manifest.range
        if students is None:
            raise CannotSetUp(f"{workshop} has no range in its wod.yml: name the first and the last seat")
        low, high = students
        begin = first or manifest.first or low
        if not begin <= low <= high:
            raise CannotSetUp(f"seats {low} to {high} are no part of a range that begins with {begin}")
        return Plan(workshop, range(low, high + 1), begin, manifest.ldap, manifest.has_appliance_per_seat)

    async def prepare(self, plan: Plan, student: int) -> str:
        """One appliance, and what was printed. Raises DeliveryFailed and HookFailed, with what was printed so far."""
        seat = replace(self._seat(student), first=plan.first)
        password = new_password()
        printed: list[str] = []
        target = await self._delivery.target(uuid4(), seat, plan.workshop)
        assert target is not None, "planned without an appliance"
        span = {"WODAPPMIN": plan.students[0], "WODAPPMAX": plan.students[-1], "WODLDAPSETUP": int(plan.is_ldap)}
        also = {name: str(value) for name, value in span.items()}
        call = HookCall("setup-pre", uuid4(), seat, plan.workshop, password, target, also=also)
        try:
            await self._hooks(call, printed)
            for playbook in self._trees.appliance_playbooks(plan.workshop):
                await self._play(str(playbook), call, self._for_playbooks(call), printed)
            for program in self._trees.hooks("setup", plan.workshop):
                await self._run_there(program, call, printed)
            await self._hooks(replace(call, kind="setup-post"), printed)
        except (DeliveryFailed, HookFailed) as failed:
            raise type(failed)(masked("\n".join([*printed, str(failed)]), [password])) from None
        return masked("\n".join(printed), [password])

    def _manifest(self, workshop: str) -> Manifest:
        content = self._trees.workshop(workshop)
        if content is None:
            raise CannotSetUp(f"there is no content for {workshop} at this location")
        try:
            return read_manifest(content)
        except (MalformedManifest, OSError) as error:
            raise CannotSetUp(f"{workshop}: {error}") from None

    def _steps(self, workshop: str) -> list[Any]:
        kinds = ("setup-pre", "setup", "setup-post")
        return [
            *self._trees.appliance_playbooks(workshop),
            *(hook for kind in kinds for hook in self._trees.hooks(kind, workshop)),
        ]

    async def _hooks(self, call: HookCall, printed: list[str]) -> None:
        async def keep(_run: UUID, result: HookResult) -> None:
            if result.ended == "exit 0":
                printed.append(_headed(result.hook, result.output))

        await self._hook_runner(keep).run(call)

    def _hook_runner(self, keep: Callable[[UUID, HookResult], Any]) -> Hooks:
        return Hooks(self._trees, self._runs / "hooks", self._api_url, self._limit, keep, most=1)

    async def _run_there(self, program: Hook, call: HookCall, printed: list[str]) -> None:
        """On the appliance, with the workshop's name as its argument and the environment of a hook."""
        known = self._hook_runner(_keep_nothing).environment(call)
        given = {name: value for name, value in known.items() if name not in _OF_THIS_MACHINE}
        workshop = str(workshop_of(call.workshop))
        request = {"path": str(program.path), "workshop": workshop, "environment": given}
        await self._play("appliance.yml", call, {"wod_program": request}, printed, name=str(program))

    def _for_playbooks(self, call: HookCall) -> dict[str, str]:
        """Under the original's names."""
        there = {"RTARGET": str(call.target), "WORKSHOP": str(workshop_of(call.workshop))}
        return {**there, **call.also, **self._tree_names()}

    def _tree_names(self) -> dict[str, str]:
        private = {"ANSIBLEPRIVDIR": str(self._trees.private / "ansible")} if self._trees.private else {}
        public = {"WODANSIBLEDIR": str(self._trees.public[0] / "ansible")} if self._trees.public else {}
        return private | public

    async def _play(
        self,
        playbook: str,
        call: HookCall,
        variables: Mapping[str, Any],
        printed: list[str],
        name: str | None = None,
    ) -> None:
        run = str(uuid4())
        folder = self._runs / run
        playing = PlaybookRun(run, folder, playbook)
        what = name or f"the playbook {Path(playbook).name}"
        try:
            await asyncio.to_thread(playing.prepare)
            inventory = write_inventory(
                folder, self._trees, self._variables, call.workshop, call.seat.number, call.target
            )
            async with asyncio.timeout(self._limit):
                await playing.execute(variables, inventory)
            printed.append(_headed(what, _said(playing, folder, run, is_program=name is not None)))
        except TimeoutError:
            raise DeliveryFailed(f"{what} was ended after {self._limit:g} s") from None
        except DeliveryFailed as failed:
            said = last_lines(_said(playing, folder, run, is_program=name is not None))
            raise DeliveryFailed(f"{what} failed at {call.target}: {failed}{said}") from None
        finally:
            await asyncio.to_thread(playing.remove)


def _said(playing: PlaybookRun, folder: Path, run: str, *, is_program: bool) -> str:
    """Of a program what it printed itself, of a playbook what Ansible says of it; the end of it."""
    if is_program:
        text = f"{playing.result.get('stdout', '')}\n{playing.result.get('stderr', '')}".strip()
    else:
        path = folder / "artifacts" / run / "stdout"
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text[-KEPT_BYTES:]


def _headed(what: str, output: str) -> str:
    return f"{what}:\n{output.rstrip()}" if output.strip() else f"{what}: done"


async def _keep_nothing(_run: UUID, _result: HookResult) -> None:
    """For a runner that only says what a hook would be given."""


def setup_for(settings: Settings, delivery: Delivery, api_url: str) -> ApplianceSetup:
    return ApplianceSetup(
        settings.trees(),
        delivery,
        settings.state / "runs",
        settings.variables,
        settings.seat,
        api_url=api_url,
        limit_seconds=settings.appliance_seconds,
    )


async def _by_hand(settings: Settings, workshop: str, seats: tuple[int, int] | None) -> bool:
    """Prints what each appliance's preparation has printed; whether all went well. Raises CannotSetUp."""
    folders = [settings.state / name for name in ("runs", "delivered")]
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    delivery = AnsibleDelivery(
        trees=settings.trees(),
        homes=settings.homes,
        runs=folders[0],
        delivered=folders[1],
        variables=settings.variables,
    )
    setup = setup_for(settings, delivery, settings.api_url_for_labs)
    plan = setup.plan(workshop, seats)
    async with aclosing(delivery):
        outcomes = [await _told(setup, plan, student) for student in plan.turns]
    return all(outcomes)


async def _told(setup: ApplianceSetup, plan: Plan, student: int) -> bool:
    try:
        well, said = True, f"student {student}: done\n{await setup.prepare(plan, student)}"
    except (DeliveryFailed, HookFailed) as failed:
        well, said = False, f"student {student}: FAILED\n{failed}"
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()
    return well


def main() -> None:
    arguments = sys.argv[1:]
    span = re.fullmatch(r"([1-9][0-9]{0,5})(?:,([1-9][0-9]{0,5}))?", arguments[1]) if len(arguments) == 2 else None
    if not 1 <= len(arguments) <= 2 or (len(arguments) == 2 and span is None):
        sys.exit("usage: python -m wod_backend_agent.appliance_setup WKSHP-Name [first,last]")
    seats = (int(span[1]), int(span[2] or span[1])) if span else None
    # standard output is the report
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        well = asyncio.run(_by_hand(take_settings(), arguments[0], seats))
    except (CannotSetUp, Misconfigured) as error:
        sys.exit(str(error))
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()

"""Delivers through Ansible: one run of one playbook for each thing asked."""

import asyncio
import json
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import structlog

from wod_backend_agent.accounts import LinuxAccounts
from wod_backend_agent.appliance import SeatPlace
from wod_backend_agent.content import UnsafeContent, is_notebook, mode, workshop_files, workshop_of
from wod_backend_agent.delivery.base import DeliveryFailed, Deployment, Progress, Seat
from wod_backend_agent.delivery.fed_runs import Opening, Stamp
from wod_backend_agent.delivery.inspection import SeatContents
from wod_backend_agent.delivery.line import Line, Pace
from wod_backend_agent.delivery.orders import WrittenOrder
from wod_backend_agent.inventory import Inventory, Verbatim, write_inventory
from wod_backend_agent.manifest import MalformedManifest, Manifest, read_manifest
from wod_backend_agent.masking import masked
from wod_backend_agent.printed import hand_on
from wod_backend_agent.processes import end_processes_with
from wod_backend_agent.trees import Trees
from wod_common.capabilities import Capability
from wod_common.wod_yml import FILE as MANIFEST

log = structlog.get_logger()

#: The overlay's tasks around the rendering, by what the playbook calls them.
_AROUND = {"before": "pre", "after": "post"}

#: Of more than one task, and not the same for every seat: these get a run of Ansible to themselves.
ALONE = ("create_between_tasks.yml",)


class AnsibleDelivery:
    """``homes`` holds the seats' homes and nothing else is ever touched; ``runs`` and ``delivered`` are the agent's own,
    mode 0700: the folders of runs, and for each seat which cells were delivered already run. ``variables`` are the
    location's own; every file of the trees may say otherwise.
    """

    def __init__(
        self,
        *,
        trees: Trees,
        homes: Path,
        runs: Path,
        delivered: Path,
        variables: Mapping[str, str],
        pace: Pace = Pace(),  # noqa: B008 - frozen
        accounts: LinuxAccounts | None = None,
    ) -> None:
        self._trees = trees
        self._homes = homes.resolve()
        self._runs = runs.resolve()
        self._delivered = delivered.resolve()
        self._variables = dict(variables)
        self._accounts = accounts
        self._line = Line(self._runs, pace, self._opening, self._stamp)
        self._places_alone = asyncio.Semaphore(pace.most)

    async def aclose(self) -> None:
        """Ends every run of Ansible."""
        await self._line.close()

    capabilities = frozenset(Capability)

    def knows(self, workshop: str) -> bool:
        return self._trees.workshop(workshop) is not None

    def admit(self, workshop: str) -> None:
        """Whatever a workshop needs can be had here."""

    async def create(self, deployment: Deployment, progress: Callable[[Progress], None]) -> None:
        await self._create(deployment, progress, {})

    async def render(self, deployment: Deployment, archive: Path) -> None:
        """Writes what CREATE would put into the home into ``archive``, and touches no seat. Raises DeliveryFailed.

        The folder of the archive must be private: the notebooks may show the password.
        """
        await self._create(deployment, lambda _step: None, {"archive": str(archive), "only_render": True})

    def delivered_results(self, seat: Seat) -> list[str]:
        """The fingerprints of what was delivered already run."""
        return _read_results(self._results(seat))

    async def _create(
        self, deployment: Deployment, progress: Callable[[Progress], None], instead: Mapping[str, Any]
    ) -> None:
        content = self._trees.workshop(deployment.workshop)
        if content is None:
            folders = ", ".join(map(str, self._trees.notebooks))
            raise DeliveryFailed(f"there is no content for {deployment.workshop} in {folders}")
        manifest = _manifest(content)
        names = _file_names(content)
        tasks = {name: str(self._trees.templating_tasks(when) or "") for name, when in _AROUND.items()}
        named = self._named_to_tasks(deployment) if any(tasks.values()) else {}
        progress(Progress("account", 20, "Preparing your account"))
        secrets = [deployment.password.get_secret_value(), *deployment.tokens.values()]
        try:
            await self._execute(
                deployment.run,
                deployment.seat,
                "create_between_tasks.yml" if named else "create.yml",
                variables=_seat_variables(deployment, manifest) | named,
                request={
                    **tasks,
                    "content": str(content),
                    "workshop": deployment.workshop,
                    "place": _place(deployment.seat, deployment.workshop, manifest),
                    "compile": self._scripts(names, manifest),
                    "skeletons": [str(folder) for folder in self._trees.skeletons],
                    "broken_notebooks": self._trees.allows_broken_notebooks(deployment.workshop),
                    "delivered": str(self._results(deployment.seat)),
                    "account": self._accounts and self._accounts.opened(deployment.password),
                    **instead,
                },
                workshop=deployment.workshop,
                began=lambda: progress(Progress("deliver", 40, _preparing(names))),
                secrets=secrets,
            )
        except DeliveryFailed as failed:
            raise DeliveryFailed(masked(f"{failed}{_way_out(str(failed), manifest)}", secrets)) from None

    async def target(self, run: UUID, seat: Seat, workshop: str) -> str | None:
        content = self._trees.workshop(workshop)
        if content is None or not (manifest := _manifest(content)).has_appliance:
            return None
        request = {"place": _place(seat, workshop, manifest)}
        result = await self._execute(run, seat, "target.yml", request=request, workshop=workshop)
        return str(result["target"])

    async def measure(self, run: UUID, seat: Seat, workshop: str) -> int | None:
        request = {"workshop": workshop, "delivered": self.delivered_results(seat)}
        result = await self._execute(run, seat, "measure.yml", request=request)
        completion = result.get("completion")
        return int(completion) if completion is not None else None

    async def clean(self, run: UUID, seat: Seat) -> None:
        await self._execute(run, seat, "clean.yml")

    async def inspect(self, run: UUID, seat: Seat) -> SeatContents:
        result = await self._execute(run, seat, "contents.yml")
        return SeatContents(result["files"], int(result["processes"]))

    async def lock(self, run: UUID, seat: Seat) -> None:
        """Nobody gets into the seat's account, and no process of it lives; without accounts nothing is done."""
        if self._accounts:
            await self._execute(run, seat, "clean.yml", request={"lock": True})

    async def _execute(  # noqa: PLR0913 - one for each thing in which orders differ
        self,
        run: UUID,
        seat: Seat,
        playbook: str,
        *,
        variables: Mapping[str, Any] | None = None,
        request: Mapping[str, Any] | None = None,
        workshop: str | None = None,
        began: Callable[[], None] = lambda: None,
        secrets: Collection[str] = (),
    ) -> dict[str, Any]:
        folder = self._runs / str(run)
        asked: dict[str, Any] = {
            **self._seat(run, seat),
            "archive": str(folder / "home.tar"),
            "report": str(folder / "report.json"),
            **(request or {}),
        }
        inventory = partial(write_inventory, folder, self._trees, self._variables, workshop, seat.number)
        order = WrittenOrder(folder, playbook, inventory, dict(variables or {}), asked, began)
        try:
            result = await self._play(order)
        except DeliveryFailed as failed:
            await hand_on(await asyncio.to_thread(order.printed, secrets))
            raise DeliveryFailed(await asyncio.to_thread(order.fault, str(failed))) from None
        except asyncio.CancelledError:
            await asyncio.to_thread(end_processes_with, {str(run)})
            raise
        else:
            await hand_on(await asyncio.to_thread(order.printed, secrets))
            return result
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _play(self, order: WrittenOrder) -> dict[str, Any]:
        if order.playbook in ALONE:
            async with self._places_alone:
                result = await order.play_alone()
        else:
            result = await self._line.do(order)
        log.info("Ansible has done its task", command=order.folder.name, playbook=order.playbook)
        return result

    def _scripts(self, names: Sequence[str], manifest: Manifest) -> dict[str, str | None]:
        """Each script to be compiled, with its path where it is not in the workshop. Raises DeliveryFailed."""
        inside = {PurePosixPath(name).name for name in names}
        found = {name: None if name in inside else self._trees.script(name) for name in manifest.compile}
        missing = [name for name, path in found.items() if name not in inside and path is None]
        if missing:
            raise DeliveryFailed(
                f"compile in {MANIFEST} names {', '.join(missing)}: not in the workshop, nor in scripts/"
            )
        return {name: str(path) if path else None for name, path in found.items()}

    def _seat(self, run: UUID, seat: Seat) -> dict[str, Any]:
        home = seat.home.parent.resolve() / seat.home.name
        return {
            "run": str(run),
            "username": seat.username,
            "homes": str(self._homes),
            "home": str(home),
            "uid": seat.uid,
            "account": self._accounts and self._accounts.closed(),
        }

    def _named_to_tasks(self, deployment: Deployment) -> dict[str, Any]:
        """What the overlay's tasks go by, under the original's names."""
        return {
            "WORKSHOP": deployment.workshop,
            "STUDDIR": str(self._homes),
            "ANSIBLEPRIVDIR": str(self._trees.private and self._trees.private / "ansible"),
        }

    def _opening(self, folder: Path) -> Opening:
        """What a run reads before its first order: how the host is reached."""
        return Opening(write_inventory(folder, self._trees, self._variables), self._stamp())

    def _stamp(self) -> Stamp:
        """Another one after each change of the overlay's own inventory."""
        files = Inventory(self._trees.host, (), self._trees.inventories).files
        return tuple((path, (found := path.stat()).st_mtime_ns, found.st_size) for path in files)

    def _results(self, seat: Seat) -> Path:
        return self._delivered / f"{seat.username}.json"


def _manifest(content: Path) -> Manifest:
    try:
        return read_manifest(content)
    except (MalformedManifest, OSError) as error:
        raise DeliveryFailed(f"{content.name}: {error}") from None


def _place(seat: Seat, workshop: str, manifest: Manifest) -> dict[str, Any]:
    place = SeatPlace(
        str(workshop_of(workshop)),
        seat.number,
        seat.first or manifest.first,
        manifest.has_appliance,
        manifest.has_appliance_per_seat,
    )
    return asdict(place)


def _file_names(content: Path) -> list[str]:
    try:
        return [name for name, _ in workshop_files(content)]
    except UnsafeContent as error:
        raise DeliveryFailed(f"{content.name}: {error}") from None


def _seat_variables(deployment: Deployment, manifest: Manifest) -> dict[str, Any]:
    shown = {"PASSSTU": Verbatim(deployment.password.get_secret_value())} if manifest.shows_password else {}
    return {
        **{name: Verbatim(value) for name, value in deployment.tokens.items()},
        **shown,
        "STDID": deployment.seat.number,
        "MODEWS": mode(deployment.workshop),
    }


def _way_out(fault: str, manifest: Manifest) -> str:
    missing = "'PASSSTU' is undefined" in fault and not manifest.shows_password
    return f"\nPASSSTU needs varpass: true in {MANIFEST}" if missing else ""


def _read_results(path: Path) -> list[str]:
    """None of a seat that was deployed before they were noted."""
    try:
        return [str(result) for result in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _preparing(names: Sequence[str]) -> str:
    notebooks = sum(map(is_notebook, names))
    return f"Preparing {'1 notebook' if notebooks == 1 else f'{notebooks} notebooks'} for you"

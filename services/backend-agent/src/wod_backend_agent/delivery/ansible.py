"""Delivers through Ansible: one run of one playbook for each thing asked."""

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from wod_backend_agent.accounts import LinuxAccounts
from wod_backend_agent.appliance import SeatPlace
from wod_backend_agent.content import UnsafeContent, is_notebook, mode, workshop_files, workshop_of
from wod_backend_agent.delivery.base import DeliveryFailed, Deployment, Progress, Seat
from wod_backend_agent.delivery.fed_runs import Order
from wod_backend_agent.delivery.inspection import SeatContents
from wod_backend_agent.delivery.line import Line, Pace
from wod_backend_agent.delivery.runs import PLAYBOOKS, Verbatim
from wod_backend_agent.manifest import FILE as MANIFEST
from wod_backend_agent.manifest import MalformedManifest, Manifest, read_manifest
from wod_backend_agent.masking import masked
from wod_backend_agent.processes import end_processes_with
from wod_backend_agent.trees import Trees

ORDER = "order.json"


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
        self._line = Line(self._runs, pace)

    async def aclose(self) -> None:
        """Ends every run of Ansible."""
        await self._line.close()

    def knows(self, workshop: str) -> bool:
        return self._trees.workshop(workshop) is not None

    async def create(self, deployment: Deployment, progress: Callable[[Progress], None]) -> None:
        content = self._trees.workshop(deployment.workshop)
        if content is None:
            folders = ", ".join(map(str, self._trees.notebooks))
            raise DeliveryFailed(f"there is no content for {deployment.workshop} in {folders}")
        manifest = _manifest(content)
        names = _file_names(content)
        progress(Progress("account", 20, "Preparing your account"))
        try:
            await self._execute(
                deployment.run,
                deployment.seat,
                "create.yml",
                variables=_seat_variables(deployment, manifest),
                request={
                    "content": str(content),
                    "workshop": deployment.workshop,
                    "place": _place(deployment.seat, deployment.workshop, manifest),
                    "compile": self._scripts(names, manifest),
                    "skeletons": [str(folder) for folder in self._trees.skeletons],
                    "delivered": str(self._results(deployment.seat)),
                    "account": self._accounts and self._accounts.opened(deployment.password),
                },
                files=list(self._trees.variable_files(deployment.workshop, deployment.seat.number)),
                began=lambda: progress(Progress("deliver", 40, _preparing(names))),
            )
        except DeliveryFailed as failed:
            secrets = [deployment.password.get_secret_value(), *deployment.tokens.values()]
            raise DeliveryFailed(masked(f"{failed}{_way_out(str(failed), manifest)}", secrets)) from None

    async def target(self, run: UUID, seat: Seat, workshop: str) -> str | None:
        content = self._trees.workshop(workshop)
        if content is None or not (manifest := _manifest(content)).has_appliance:
            return None
        files = list(self._trees.variable_files(workshop, seat.number))
        request = {"place": _place(seat, workshop, manifest)}
        result = await self._execute(run, seat, "target.yml", request=request, files=files)
        return str(result["target"])

    async def measure(self, run: UUID, seat: Seat, workshop: str) -> int | None:
        request = {"workshop": workshop, "delivered": _read_results(self._results(seat))}
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

    async def _execute(
        self,
        run: UUID,
        seat: Seat,
        playbook: str,
        *,
        variables: Mapping[str, Any] | None = None,
        request: Mapping[str, Any] | None = None,
        files: Sequence[Path] = (),
        began: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        folder = self._runs / str(run)
        asked = {**self._seat(run, seat), "archive": str(folder / "home.tar"), "report": str(folder / "report.json")}
        order = {
            "run": str(run),
            "playbook": str(PLAYBOOKS / playbook),
            "defaults": self._variables,
            "files": [str(path) for path in files],
            "variables": {**(variables or {}), "wod_seat": {**asked, **(request or {})}},
        }
        try:
            return await self._line.do(Order(folder / ORDER, partial(_write_order, folder, order), began))
        except DeliveryFailed as failed:
            raise DeliveryFailed(_report(folder) or str(failed)) from None
        except asyncio.CancelledError:
            await asyncio.to_thread(end_processes_with, {str(run)})
            raise
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

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
        manifest.first,
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


def _write_order(folder: Path, order: Mapping[str, Any]) -> None:
    """Into a private folder, for it holds the seat's password; ends what an earlier, crashed attempt has left."""
    if folder.exists():
        end_processes_with({folder.name})
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    (folder / ORDER).write_text(json.dumps(order), encoding="utf-8")


def _report(folder: Path) -> str | None:
    """What the action plugin says is wrong."""
    path = folder / "report.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["msg"]) if path.is_file() else None

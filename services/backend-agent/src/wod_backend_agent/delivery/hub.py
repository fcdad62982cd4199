"""Delivers through JupyterHub alone: its REST API, and the Contents API of the seat's own server.

The agent needs no shell and no disk where the seats are. The spawner owns their storage and wipes it: through a server
that its student controls nothing can be proved gone.
"""

import asyncio
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog
from pydantic import SecretStr

from wod_backend_agent.content import CHECKPOINTS, is_notebook
from wod_backend_agent.delivery.base import DeliveryFailed, Deployment, Progress, Seat
from wod_backend_agent.delivery.contents import AT_ONCE, ContentsRefused, SeatContents, failed
from wod_backend_agent.hub import Hub, HubUnavailable
from wod_backend_agent.needs import refuse_beyond
from wod_backend_agent.patience import patiently
from wod_backend_agent.playbooks.library.wod_completion import (
    LARGEST_NOTEBOOK,
    MOST_ENTRIES,
    MOST_NOTEBOOKS,
    cells_run,
    share,
)
from wod_backend_agent.trees import Trees
from wod_common.capabilities import Capability

log = structlog.get_logger()

DELIVER_SECONDS = 300.0
MEASURE_SECONDS = 60.0
#: A cancelled run makes room for the next command, which wipes the seat as well.
UNDO_SECONDS = 15.0
#: Addresses of the Contents API itself: what is called so in a workshop is sent under another name and renamed.
TAKEN_NAMES = frozenset({"checkpoints", "trust"})
_SPARE = ".wod-7c1e"


class SeatHub(Hub, Protocol):
    """Every call is repeatable, and raises HubUnavailable."""

    async def access(self, username: str) -> SecretStr:
        """A token that opens this seat's server and nothing else, for some minutes."""

    async def wipe(self, username: str) -> None:
        """Returns when no server of the seat runs and its storage is gone."""


class Renderer(Protocol):
    """What the other delivery does before it touches a seat."""

    async def render(self, deployment: Deployment, archive: Path) -> None:
        """Writes what a fresh home holds. Raises DeliveryFailed with all that is wrong."""

    async def target(self, run: UUID, seat: Seat, workshop: str) -> str | None: ...

    def delivered_results(self, seat: Seat) -> Collection[str]:
        """The fingerprints of what was delivered already run."""


class HubDelivery:
    """``runs`` is the agent's own, mode 0700; ``hub_url`` is where browsers' requests arrive, without ``/hub``."""

    capabilities = frozenset({Capability.VARPASS, Capability.APPLIANCE})

    def __init__(self, *, trees: Trees, renderer: Renderer, hub: SeatHub, hub_url: str, runs: Path) -> None:
        self._trees = trees
        self._renderer = renderer
        self._hub = hub
        self._hub_url = hub_url
        self._runs = runs

    def knows(self, workshop: str) -> bool:
        return self._trees.workshop(workshop) is not None

    def admit(self, workshop: str) -> None:
        refuse_beyond(self.capabilities, self._trees, workshop)

    async def create(self, deployment: Deployment, progress: Callable[[Progress], None]) -> None:
        self.admit(deployment.workshop)
        username = deployment.seat.username
        folder = self._runs / f"{deployment.run}.rendered"
        try:
            await asyncio.to_thread(_make_private, folder)
            progress(Progress("render", 10, "Preparing your notebooks"))
            await self._renderer.render(deployment, folder / "home.tar")
            async with self._undone_unless_complete(username):
                progress(Progress("server", 30, "Starting your notebook server"))
                await self._hub.wipe(username)
                await self._hub.start_server(username)
                await self._deliver(username, folder / "home.tar", progress)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def target(self, run: UUID, seat: Seat, workshop: str) -> str | None:
        return await self._renderer.target(run, seat, workshop)

    async def measure(self, run: UUID, seat: Seat, workshop: str) -> int | None:
        """Starts the server where it has ended by itself: the notebooks are still in its storage."""
        delivered = self._renderer.delivered_results(seat)
        ran: list[bool] = []
        try:
            await self._hub.start_server(seat.username)
            async with asyncio.timeout(MEASURE_SECONDS), await self._contents(seat.username) as contents:
                async for text in _notebooks(contents, workshop):
                    ran += await asyncio.to_thread(cells_run, text, delivered)
        except HubUnavailable as error:
            raise DeliveryFailed(str(error)) from None
        except ContentsRefused as error:
            raise failed(seat.username, error) from None
        except TimeoutError:
            raise DeliveryFailed(
                f"the server of {seat.username} had not shown its notebooks after {MEASURE_SECONDS:.0f} s"
            ) from None
        return share(ran)

    async def clean(self, run: UUID, seat: Seat) -> None:
        await patiently(lambda: self._hub.wipe(seat.username))

    async def _contents(self, username: str) -> SeatContents:
        return SeatContents(self._hub_url, username, await self._hub.access(username))

    @asynccontextmanager
    async def _undone_unless_complete(self, username: str) -> AsyncIterator[None]:
        complete = False
        try:
            yield
            complete = True
        finally:
            if not complete:
                await self._undo(username)

    async def _undo(self, username: str) -> None:
        try:
            async with asyncio.timeout(UNDO_SECONDS):
                await self._hub.wipe(username)
        except (HubUnavailable, TimeoutError) as error:
            # nobody has a password for it, and whatever comes next for the seat wipes it first
            log.warning("a half delivered seat was not wiped", seat=username, why=str(error))

    async def _deliver(self, username: str, archive: Path, progress: Callable[[Progress], None]) -> None:
        folders, files = await asyncio.to_thread(_unpacked, archive)
        notebooks = sum(is_notebook(name) and CHECKPOINTS not in name for name in files)
        what = "1 notebook" if notebooks == 1 else f"{notebooks} notebooks"
        progress(Progress("deliver", 60, f"Preparing {what} for you"))
        try:
            async with asyncio.timeout(DELIVER_SECONDS), await self._contents(username) as contents:
                for folder in folders:
                    await contents.make_folder(_sendable(folder))
                await _write_all(contents, files)
                await _rename_all(contents, [*folders, *files])
        except ContentsRefused as error:
            raise failed(username, error) from None
        except TimeoutError:
            raise DeliveryFailed(
                f"the server of {username} had not taken the workshop after {DELIVER_SECONDS:.0f} s"
            ) from None


async def _write_all(contents: SeatContents, files: dict[str, bytes]) -> None:
    waiting = iter(sorted(files.items()))

    async def work() -> None:
        for name, content in waiting:
            await contents.write(_sendable(name), content)
            await contents.verify(_sendable(name), content)

    workers = [asyncio.create_task(work()) for _ in range(AT_ONCE)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def _sendable(path: str) -> str:
    return "/".join(f"{part}{_SPARE}" if part in TAKEN_NAMES else part for part in path.split("/"))


async def _rename_all(contents: SeatContents, paths: Collection[str]) -> None:
    """What is inside comes before the folder around it."""
    for path in sorted(paths, key=lambda path: path.count("/"), reverse=True):
        folder, _, name = path.rpartition("/")
        if name in TAKEN_NAMES:
            await contents.rename(_sendable(path), f"{_sendable(folder)}/{name}")


async def _notebooks(contents: SeatContents, workshop: str) -> AsyncIterator[bytes]:
    """Of sane size and number; a folder that grows while we walk, or leads into itself, ends at the same limits."""
    pending, seen, found = [workshop], 0, 0
    while pending and seen <= MOST_ENTRIES:
        folder = pending.pop()
        entries = []
        try:
            entries = sorted(await contents.entries(folder), key=lambda entry: entry.name)
        except ContentsRefused as error:
            # of a server that is gone nothing is known; of one without the workshop, that nothing was run
            if folder == workshop and error.status != HTTPStatus.NOT_FOUND:
                raise
        seen += 1 + len(entries)
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.is_folder:
                pending.append(path)
            elif is_notebook(entry.name) and found < MOST_NOTEBOOKS:
                with suppress(ContentsRefused):
                    text = await contents.read(path, LARGEST_NOTEBOOK)
                    found += 1
                    if len(text) <= LARGEST_NOTEBOOK:
                        yield text


def _make_private(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def _unpacked(archive: Path) -> tuple[list[str], dict[str, bytes]]:
    """Folders, each after the one that holds it, and files."""
    folders: list[str] = []
    files: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isdir():
                folders.append(member.name)
            elif source := tar.extractfile(member):
                files[member.name] = source.read()
    return sorted(folders), files

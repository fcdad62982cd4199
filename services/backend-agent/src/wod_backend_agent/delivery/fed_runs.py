"""A run of Ansible that is fed orders: to start one takes longer than all the rest of a deployment."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wod_backend_agent.delivery.base import DeliveryFailed
from wod_backend_agent.delivery.runs import PlaybookRun
from wod_backend_agent.inventory import Inventory

PLAYBOOK = "seats.yml"
CHUNK_BYTES = 64 * 1024

Line = Mapping[str, Any]


class Order(Protocol):
    @property
    def path(self) -> Path:
        """A file that Ansible reads: a pipe of paths is never full."""

    def write(self) -> None:
        """Makes the file, when the order's turn has come."""

    @property
    def began(self) -> Callable[[], None]:
        """Called when Ansible has read it."""


#: What a run has read once and for all: it is the same as long as that has not changed.
Stamp = Hashable


@dataclass(frozen=True)
class Opening:
    """What a run is started with."""

    inventory: Inventory
    stamp: Stamp


class RunEnded(DeliveryFailed):
    """The run of Ansible has ended with the order in its hands, or before it has taken it."""

    def __init__(self, fault: str, *, had_begun: bool) -> None:
        super().__init__(fault)
        self.had_begun = had_begun


@asynccontextmanager
async def fed_run(folder: Path, opened_with: Callable[[Path], Opening]) -> AsyncIterator["FedRun"]:
    """Open for orders. Raises DeliveryFailed where Ansible cannot start.

    Ansible ends by itself when the block is left; with all that it has started when the block is cancelled.
    """
    playing = PlaybookRun(folder.name, folder, PLAYBOOK)
    names = {name: folder / name for name in ("orders", "said")}
    working: asyncio.Task[dict[str, Any]] | None = None
    try:
        await asyncio.to_thread(playing.prepare)
        opening = await asyncio.to_thread(opened_with, folder)
        with _pipe(names["said"]) as said:
            with _pipe(names["orders"]) as orders:
                channel = {"wod_channel": {name: str(path) for name, path in names.items()}}
                work = playing.execute(channel, opening.inventory)
                working = asyncio.create_task(work)
                run = FedRun(orders, said, working, opening.stamp)
                await run.is_ready()
                yield run
            # no more orders can come: Ansible sees the end of the pipe
            with suppress(DeliveryFailed):
                await working
    finally:
        if working is not None and not working.done():
            working.cancel()
            await asyncio.wait([working])
        await asyncio.to_thread(playing.remove)


class FedRun:
    """One order at a time."""

    def __init__(self, orders: int, said: int, working: "asyncio.Task[dict[str, Any]]", stamp: Stamp) -> None:
        self.stamp = stamp
        self._orders = orders
        self._said = said
        self._working = working
        self._unfinished = b""
        self._lines: asyncio.Queue[Line | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        loop.add_reader(said, self._read)
        working.add_done_callback(self._end_lines)

    async def is_ready(self) -> None:
        await self._line(had_begun=False)

    async def do(self, order: Order) -> dict[str, Any]:
        """The task's result. Raises DeliveryFailed, and of it RunEnded; OSError where the order cannot be written."""
        await _to_the_end(order.write)
        os.write(self._orders, f"{order.path}\n".encode())
        had_begun = False
        while "result" not in (line := await self._line(had_begun=had_begun)):
            if "failed" in line:
                raise DeliveryFailed(str(line["failed"]))
            had_begun = True
            order.began()
        return dict(line["result"])

    async def _line(self, *, had_begun: bool) -> Line:
        line = await self._lines.get()
        if line is None:
            self._lines.put_nowait(None)
            raise RunEnded(self._fault(), had_begun=had_begun)
        return line

    def _fault(self) -> str:
        if not self._working.cancelled() and (error := self._working.exception()):
            return str(error)
        return "Ansible has ended too early"

    def _read(self) -> None:
        with suppress(BlockingIOError):
            *lines, self._unfinished = (self._unfinished + os.read(self._said, CHUNK_BYTES)).split(b"\n")
            for line in filter(None, lines):
                # one that a killed process has left unfinished says nothing
                with suppress(ValueError):
                    self._lines.put_nowait(json.loads(line))

    def _end_lines(self, _working: object) -> None:
        asyncio.get_running_loop().remove_reader(self._said)
        self._lines.put_nowait(None)


async def _to_the_end(work: Callable[[], None]) -> None:
    """Also when it is cancelled: what is removed afterwards must not come back."""
    working = asyncio.create_task(asyncio.to_thread(work))
    try:
        await asyncio.shield(working)
    finally:
        await asyncio.wait([working])


@contextmanager
def _pipe(path: Path) -> Iterator[int]:
    """Both its ends: to open one must not wait for Ansible, and reading must not end before Ansible has come."""
    os.mkfifo(path, 0o600)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

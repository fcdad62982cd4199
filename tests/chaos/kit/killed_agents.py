"""Agents to be killed, each a fork of this process, which has imported everything: ``killed_agents.py``.

Reads a line of JSON for each on standard input, ``{"folder": ..., "settings": {...}, "direct": ...}``, and answers with its
process id. What it has forked dies with it.
"""

import asyncio
import ctypes
import importlib
import json
import os
import signal
import sqlite3
import ssl
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

from boundary import cut

from wod_backend_agent import outside
from wod_backend_agent.app import Outside, create_app, serve
from wod_backend_agent.database import Database
from wod_backend_agent.delivery.base import RUN_MARKER, Delivery, DeliveryFailed, Deployment, Progress, Seat
from wod_backend_agent.delivery.fed_runs import FedRun, Order
from wod_backend_agent.delivery.inspection import SeatContents
from wod_backend_agent.hub import HubUnavailable
from wod_backend_agent.playbooks.library import wod_seat
from wod_backend_agent.settings import Settings
from wod_common.capabilities import Capability

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LATE = (
    "anyio._backends._asyncio",
    "httpcore",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
HUB_AWAY = "hub-away"
HUB_CALLS = "hub-calls"


class DirectDelivery:
    """Ansible's module in a process of its own, without the second that Ansible takes to start."""

    def __init__(self, settings: Settings) -> None:
        self._homes = settings.homes
        self._archives = settings.state

    async def create(self, deployment: Deployment, progress: Callable[[Progress], None]) -> None:
        progress(Progress("account", 20, "Preparing your account"))
        seat, password = deployment.seat, deployment.password.get_secret_value()
        archive = self._archives / f"{deployment.run}.tar"
        with tarfile.open(archive, "w") as content:
            member = tarfile.TarInfo("connect.env")
            text = f"{seat.username} {password} {sorted(deployment.tokens.items())}\n".encode()
            member.size = len(text)
            content.addfile(member, BytesIO(text))
        await self._seat(deployment.run, seat, archive)
        archive.unlink()
        progress(Progress("deliver", 40, "Preparing 1 notebook for you"))

    async def target(self, run: UUID, seat: Seat, workshop: str) -> str | None:
        return None

    async def measure(self, run: UUID, seat: Seat, workshop: str) -> int | None:
        return 100 if (seat.home / "connect.env").exists() else None

    async def clean(self, run: UUID, seat: Seat) -> None:
        await self._seat(run, seat, None)

    async def inspect(self, run: UUID, seat: Seat) -> SeatContents:
        files = {path.name: path.read_text() for path in seat.home.iterdir()}
        return SeatContents(files, 0)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability)

    def admit(self, workshop: str) -> None: ...

    def knows(self, workshop: str) -> bool:
        return True

    async def _seat(self, run: UUID, seat: Seat, archive: Path | None) -> None:
        arguments = {
            "username": seat.username,
            "homes": str(self._homes),
            "home": str(seat.home),
            "archive": archive and str(archive),
            "run": str(run),
            "uid": None,
        }
        program = (
            f"import json, runpy; runpy.run_path({wod_seat.__file__!r})['seat'](json.loads({json.dumps(arguments)!r}))"
        )
        environment = {RUN_MARKER: str(run)}
        process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", program, env=environment)
        if await process.wait() != 0:
            raise DeliveryFailed("the module has failed")


class CutHub:
    """Each call is a boundary when it has been obeyed; away while the test says so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def start_server(self, username: str) -> None:
        self._obey("start")

    async def stop_server(self, username: str) -> None:
        self._obey("stop")

    async def evict(self, username: str) -> None:
        self._obey("evict")

    async def runs_server(self, username: str) -> bool:
        return False

    async def ready(self) -> str:
        return "double"

    def _obey(self, call: str) -> None:
        away = (self._folder / HUB_AWAY).exists()
        with (self._folder / HUB_CALLS).open("a") as calls:
            calls.write(f"{call}{' refused' if away else ''}\n")
        if away:
            raise HubUnavailable("away")
        cut(self._folder, f"hub: {call}")


def cut_journal(folder: Path) -> None:
    """Every transaction that has changed the journal is a boundary when it is on the disk."""
    original = Database._transact

    def transact(self: Database, work: Callable[[sqlite3.Connection], Any]) -> Any:
        before = self._connection.total_changes
        result = original(self, work)
        if self._connection.total_changes != before:
            cut(folder, f"journal: {work.__qualname__.split('.')[1]}")
        return result

    Database._transact = transact  # type: ignore[method-assign]


def cut_orders(folder: Path) -> None:
    """An order to Ansible is a boundary when it is given, and so is whatever Ansible says of it."""
    give, line = FedRun.do, FedRun._line

    async def do(self: FedRun, order: Order) -> dict[str, Any]:
        cut(folder, "ansible: order given")
        return await give(self, order)

    async def listen(self: FedRun, *, had_begun: bool) -> Any:
        said = await line(self, had_begun=had_begun)
        # a run that is open already has said that it is ready
        if "ready" not in said:
            cut(folder, f"ansible: {next(iter(said))}")
        return said

    FedRun.do, FedRun._line = do, listen  # type: ignore[method-assign]


def run(folder: Path, values: Mapping[str, Any], *, direct: bool) -> None:
    settings = Settings.model_validate(values)
    cut_journal(folder)
    cut_orders(folder)

    @asynccontextmanager
    async def parts(settings: Settings) -> AsyncIterator[Outside]:
        async with outside.real_parts(settings) as real:
            delivery: Delivery = DirectDelivery(settings) if direct else real.delivery
            yield Outside(delivery, CutHub(folder), real.reporter, real.heartbeats, incidents=real.incidents)

    serve(create_app(settings, parts, heartbeat_seconds=3600.0), settings)


def fork(job: Mapping[str, Any]) -> int:
    parent = os.getpid()
    if child := os.fork():
        return child
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(Path(job["folder"]) / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        run(Path(job["folder"]), job["settings"], direct=job["direct"])
    finally:
        os._exit(0)


def prepare() -> None:
    """What every start would do again: modules that are imported late, and authorities that plain HTTP never asks."""
    for module in LATE:
        importlib.import_module(module)
    prepared = ssl.create_default_context()
    ssl.create_default_context = lambda *_args, **_kwargs: prepared


if __name__ == "__main__":
    prepare()
    # nobody waits for them
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        sys.stdout.write(f"{fork(json.loads(line))}\n")
        sys.stdout.flush()

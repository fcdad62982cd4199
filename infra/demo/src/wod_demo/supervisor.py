"""Keeps processes running: starts them, starts them again when they die, stops them in order.

A process writes straight into its log file, so neither a busy nor a killed launcher disturbs it.
Every process is a session of its own (a terminal's Ctrl-C reaches the launcher alone) and ends
with the launcher, even with one that was killed.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

FIRST_PAUSE = 0.3  # seconds between a death and the new start
LONGEST_PAUSE = 5.0
STEADY = 10.0  # seconds; a process that lived longer is not in a loop of deaths
STOP_LIMIT = 15.0  # seconds for all together
LOG_LIMIT = 10_000_000  # bytes; a longer log becomes <name>.log.1 at the next start
LEASH = str(Path(__file__).with_name("leash.py"))


class Reporter(Protocol):
    """Who hears what happens. ``step`` takes started, ready, died or stopped, with a remark."""

    def step(self, service: str, state: str, remark: str = "") -> None: ...


class Quiet:
    def step(self, service: str, state: str, remark: str = "") -> None:
        pass


@dataclass(frozen=True)
class Service:
    """One row of a table of services.

    ``layer``: the highest is stopped first, those of one layer together. ``orphan_signal``: what
    it gets when the launcher dies.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    ready: str | None = None
    layer: int = 0
    uid: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL


def leashed(service: Service) -> list[str]:
    leash = [sys.executable, "-I", "-S", LEASH, str(os.getpid()), str(int(service.orphan_signal))]
    return [*leash, str(service.uid or 0), *service.command]


def log_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"


def spawn(service: Service, logs: Path) -> subprocess.Popen[bytes]:
    """Call it on the main thread: the leash ends the process with the *thread* that started it."""
    service.folder.mkdir(parents=True, exist_ok=True)
    with log_path(logs, service.name).open("ab") as log:
        return subprocess.Popen(
            leashed(service), env=dict(service.environment), cwd=service.folder,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


async def ended(process: subprocess.Popen[bytes]) -> int:
    """The exit code, once there is one; woken by the kernel."""
    descriptor = os.pidfd_open(process.pid)
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
        return process.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def within(seconds: float, event: asyncio.Event) -> bool:
    """Whether the event came in time."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), max(seconds, 0))
    return event.is_set()


@dataclass
class _Kept:
    service: Service
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    process: subprocess.Popen[bytes] | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill_group(self) -> None:
        """Also what the process started and left in its session."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    def __init__(self, logs: Path, reporter: Reporter | None = None) -> None:
        self.logs = logs
        self.deaths: Counter[str] = Counter()
        self.hurry = asyncio.Event()
        self._reporter = reporter or Quiet()
        self._kept: dict[str, _Kept] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, services: Iterable[Service]) -> None:
        for service in services:
            self._rotate(service.name)
            kept = self._kept[service.name] = _Kept(service)
            task = asyncio.create_task(self._keep(kept), name=f"keep {service.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def pid(self, name: str) -> int | None:
        """None while the service is between a death and its next start."""
        process = self._kept[name].process
        return process.pid if process is not None and process.poll() is None else None

    def kill(self, name: str) -> None:
        """SIGKILL to the process alone, as a crash would; it will be started again."""
        self._kept[name].signal(signal.SIGKILL)

    async def stop(self, limit: float = STOP_LIMIT) -> None:
        """The highest layer first; who is not gone in its share of ``limit`` seconds is killed."""
        deadline = time.monotonic() + limit
        layers = sorted({kept.service.layer for kept in self._kept.values()}, reverse=True)
        for left, layer in zip(range(len(layers), 0, -1), layers, strict=True):
            share = (deadline - time.monotonic()) / left
            members = [kept for kept in self._kept.values() if kept.service.layer == layer]
            await asyncio.gather(*(self._end(kept, share) for kept in members))
        self._kept.clear()

    async def _end(self, kept: _Kept, seconds: float) -> None:
        kept.stop.set()
        kept.signal(kept.service.stop_signal)
        gone, hurried = asyncio.create_task(kept.gone.wait()), asyncio.create_task(self.hurry.wait())
        await asyncio.wait({gone, hurried}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        forced = not kept.gone.is_set()
        kept.kill_group()
        await gone
        hurried.cancel()
        self._reporter.step(kept.service.name, "stopped", "killed, it did not end by itself" if forced else "")

    async def _keep(self, kept: _Kept) -> None:
        name, pause = kept.service.name, FIRST_PAUSE
        try:
            while not kept.stop.is_set():
                began = time.monotonic()
                kept.process = spawn(kept.service, self.logs)
                self._reporter.step(name, "started")
                code = await ended(kept.process)
                if kept.stop.is_set():
                    return
                self.deaths[name] += 1
                pause = FIRST_PAUSE if time.monotonic() - began > STEADY else pause
                self._reporter.step(name, "died", f"{_cause(code)}; starts again in {pause:.1f} s")
                await within(pause, kept.stop)
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            kept.gone.set()

    def _rotate(self, name: str) -> None:
        path = log_path(self.logs, name)
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))


def _cause(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

"""Goes round the seats every few seconds, and ends what is not to go on."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import psutil
import structlog

from wod_backend_agent.delivery.base import Seat
from wod_backend_agent.hub import Hub, HubUnavailable
from wod_backend_agent.journal import Journal
from wod_backend_agent.playbooks.library.wod_seat import StillRunning, end_processes
from wod_backend_agent.scheduler import Scheduler
from wod_backend_agent.watchdog.incidents import IncidentBox
from wod_backend_agent.watchdog.looking import Running
from wod_backend_agent.watchdog.rules import Programs, Sessions, Shares
from wod_common.incidents import Incident, IncidentKind

log = structlog.get_logger()

#: The same of the same seat is told once in this time: who starts it again and again fills no log.
QUIET_SECONDS = 600.0
#: For killed processes to be gone.
PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Rules:
    programs: Programs
    shares: Shares
    sessions: Sessions


@dataclass
class Watchdog:
    """With ``dry_run`` it only tells. ``look`` and ``clock`` are there for tests to put others in their place."""

    journal: Journal
    scheduler: Scheduler
    hub: Hub
    incidents: IncidentBox
    seat: Callable[[int], Seat]
    look: Callable[[], list[Running]]
    rules: Rules
    interval: float
    dry_run: bool = False
    clock: Callable[[], float] = time.monotonic
    _told: dict[tuple[object, ...], float] = field(default_factory=dict)
    #: seats that nobody is let into and that something ran in at the last look: what ends by itself is left to end
    _closed_before: set[int] = field(default_factory=set)
    _rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._rounds = asyncio.create_task(self._go_round_for_ever())

    async def stop(self) -> None:
        if self._rounds:
            self._rounds.cancel()
            await asyncio.wait([self._rounds])

    async def _go_round_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            try:
                await self.go_round()
            except Exception as error:  # noqa: BLE001 - the edge: whatever breaks a round, the next one may succeed
                log.warning("the watchdog's round broke", why=f"{type(error).__name__}: {error}")

    async def go_round(self) -> None:
        """Once."""
        now = self.clock()
        running = await asyncio.to_thread(self.look)
        await self._end(IncidentKind.PROGRAM, self.rules.programs.broken_by(running))
        await self._end(IncidentKind.CPU, self.rules.shares.broken_by(running, now))
        await self._clear_closed({one.student for one in running})
        for student, generation in self.rules.sessions.overdue(now).items():
            await self._end_session(student, generation)

    async def _end(self, kind: IncidentKind, broken: Sequence[Running]) -> None:
        by_seat: dict[int, list[Running]] = defaultdict(list)
        for one in broken:
            by_seat[one.student].append(one)
        for student, its in by_seat.items():
            ended = not self.dry_run and await asyncio.to_thread(_kill, its)
            await self._tell(kind, student, its, ended=ended)

    async def _clear_closed(self, students: set[int]) -> None:
        closed = {student for student in students if await self._is_closed(student)}
        for student in sorted(closed & self._closed_before):
            with self.scheduler.reserved(student) as alone:
                # looked at again: a command may have cleaned it meanwhile, or let somebody in
                left = await self._of(student) if alone and await self._is_closed(student) else []
                if left:
                    ended = not self.dry_run and await self._clear(student, left)
                    await self._tell(IncidentKind.LEFTOVER, student, left, ended=ended)
        self._closed_before = closed

    async def _is_closed(self, student: int) -> bool:
        """No password opens it and no command works on it."""
        return not self.scheduler.concerns(student) and await self.journal.password_hash(student) is None

    async def _end_session(self, student: int, generation: int) -> None:
        """Its login stays: the api-db has not taken the seat back, and may still say that it was extended."""
        with self.scheduler.reserved(student) as alone:
            if not alone or (await self.journal.deployed()).get(student) != generation:
                return
            left = await self._of(student)
            with suppress(HubUnavailable):
                if not left and not await self.hub.runs_server(self.seat(student).username):
                    return
                if not self.dry_run:
                    await self.hub.stop_server(self.seat(student).username)
            ended = not self.dry_run and await self._clear(student, left)
            await self._tell(IncidentKind.OVERTIME, student, left, ended=ended)

    async def _of(self, student: int) -> list[Running]:
        return [one for one in await asyncio.to_thread(self.look) if one.student == student]

    async def _clear(self, student: int, left: Sequence[Running]) -> bool:
        seat = self.seat(student)
        await asyncio.to_thread(_kill, left)
        if not await self._of(student):
            return True
        # something forks faster than it can be listed
        try:
            await asyncio.to_thread(end_processes, seat.username, seat.home, seat.uid)
        except (StillRunning, PermissionError) as error:
            log.warning("processes of a seat are left", student=student, why=str(error))
            return False
        return True

    async def _tell(self, kind: IncidentKind, student: int, running: Sequence[Running], *, ended: bool) -> None:
        program = running[0].program if running else "the notebook server"
        record = await self.journal.seat(student)
        registration = record.holder or record.last_holder
        said, now = (kind, student, registration, program), self.clock()
        self._told = {what: at for what, at in self._told.items() if now - at < QUIET_SECONDS}
        if said in self._told:
            return
        self._told[said] = now
        await self.incidents.put(
            Incident(
                id=uuid4(),
                at=datetime.now(UTC),
                kind=kind,
                student=student,
                registration=registration,
                program=program,
                processes=max(1, len(running)),
                ended=ended,
            )
        )


def _kill(running: Sequence[Running]) -> bool:
    """With all that they have started. False where one of them is left."""
    killed: list[psutil.Process] = []
    for one in running:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(one.pid)
            if process.create_time() == one.begun:
                killed += [process, *process.children(recursive=True)]
    for process in killed:
        with suppress(psutil.Error):
            process.kill()
    return _are_gone(killed)


def _are_gone(killed: Sequence[psutil.Process]) -> bool:
    """Waits for it; psutil's own wait would take a child's end away from who has started it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(map(_lives, killed)):
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

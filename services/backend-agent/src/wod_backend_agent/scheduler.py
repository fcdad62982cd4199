"""Which command runs when: one at a time per seat, a bounded number in all, in order of arrival; labs in that of people."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import structlog

from wod_backend_agent.feed import Feed
from wod_backend_agent.journal import Journal
from wod_backend_agent.processes import end_runs
from wod_backend_agent.queue_progress import QueueProgress, sentence
from wod_common.commands import Command, Verb

log = structlog.get_logger()

#: A server that starts waits half of the time.
TAILS_PER_PLACE = 2


class Runner(Protocol):
    async def run(self, command: Command, finished: Callable[[], Awaitable[None]]) -> None:
        """Does the command; awaits ``finished`` once its result is in the journal. What follows is its tail,
        which comes after whatever waits in line, and which the seat's next command cuts off."""


@dataclass(eq=False)
class Run:
    command: Command
    work: asyncio.Task[None]
    in_tail: bool = False
    has_place_for_tail: bool = False
    cancelled: bool = False

    def concerns(self, command: Command) -> bool:
        return overlap(self.command, command)


def overlap(one: Command, other: Command) -> bool:
    """Whether the two work on a seat both."""
    return one.students[0] <= other.students[-1] and other.students[0] <= one.students[-1]


def _registered_later(waiting: Command, new: Command) -> bool:
    """Both are labs of people, on different seats: so neither must not be done before the other."""
    if not (waiting.verb is new.verb is Verb.CREATE) or overlap(waiting, new):
        return False
    return (waiting.registration or 0) > (new.registration or 0) > 0


class Scheduler:
    """Everything here happens in the event loop; the journal has decided before what is superseded.

    The delivery works for ``concurrency`` commands at a time. ``in_flight`` may be more: the next ones are made ready while it
    works, and stand in its own line in the same order.
    """

    def __init__(
        self, journal: Journal, runner: Runner, feed: Feed, concurrency: int, in_flight: int | None = None
    ) -> None:
        self._journal = journal
        self._runner = runner
        self._feed = feed
        self._concurrency = concurrency
        self._in_flight = in_flight or concurrency
        self._waiting: list[Command] = []
        self._line_is_empty = asyncio.Event()
        self._places_for_tails = asyncio.Semaphore(concurrency * TAILS_PER_PLACE)
        self._runs: dict[UUID, Run] = {}
        self._reserved: set[int] = set()
        self._queue_progress = QueueProgress(self._tell_place)
        self._tasks: set[asyncio.Task[None]] = set()

    async def resume(self) -> None:
        """To be called before any command is taken: ends what an earlier agent has left and runs its commands again."""
        await end_runs(await self._journal.ids())
        await self._journal.close_superseded()
        for command in await self._journal.unfinished():
            self._stand_in_line(command)
        self._pump()

    def submit(self, command: Command, superseded: Collection[UUID]) -> None:
        self._waiting = [waiting for waiting in self._waiting if waiting.id not in superseded]
        self._stand_in_line(command)
        for run in self._runs.values():
            if run.concerns(command) and (run.in_tail or run.command.id in superseded):
                self._cancel(run)
        self._pump()

    def _stand_in_line(self, command: Command) -> None:
        """Behind all others, but for a lab: that stands before those of people who have registered later.

        Commands of a crowd are sent many at a time and overtake each other on their way.
        """
        place = len(self._waiting)
        while place and _registered_later(self._waiting[place - 1], command):
            place -= 1
        self._waiting.insert(place, command)

    def occupied_by(self, command: UUID) -> bool:
        """Whether the command, or its tail, runs."""
        return command in self._runs

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Without those whose result is known and whose server starts."""
        return len(self._working())

    def concerns(self, student: int) -> bool:
        """Whether a command for the seat waits or works; the start of its server does not count."""
        return any(student in command.students for command in (*self._waiting, *self._working()))

    @contextmanager
    def reserved(self, student: int) -> Iterator[bool]:
        """True where nothing is to be done on the seat; what comes for it then waits until the block is left.

        The start of its server is cut off.
        """
        if self.concerns(student):
            yield False
            return
        for run in self._runs.values():
            if student in run.command.students:
                self._cancel(run)
        self._reserved.add(student)
        try:
            yield True
        finally:
            self._reserved.discard(student)
            self._pump()

    async def stop(self) -> None:
        """Cancels every run; the journal has them run again at the next start."""
        self._waiting.clear()
        self._line_is_empty.set()
        for run in self._runs.values():
            self._cancel(run)
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _pump(self) -> None:
        self._fill_places()
        self._queue_progress.look(self._waiting, self._working())
        if self._waiting or len(self._working()) > self._concurrency:
            self._line_is_empty.clear()
        else:
            self._line_is_empty.set()

    def _fill_places(self) -> None:
        taken = self._reserved.union(*(run.command.students for run in self._runs.values()))
        for command in list(self._waiting):
            if len(self._working()) >= self._in_flight:
                return
            if taken.isdisjoint(command.students):
                self._waiting.remove(command)
                self._start(command)
            # also of one that waits on: what came after it must not go before it on a seat of its range
            taken.update(command.students)

    def _working(self) -> list[Command]:
        return [run.command for run in self._runs.values() if not run.in_tail]

    def _tell_place(self, command: UUID, ahead: int) -> None:
        self._journal.note(command, "queued", 0, sentence(ahead))

    def _start(self, command: Command) -> None:
        async def finished() -> None:
            run.in_tail = True
            # its successor came while the result was being written
            if any(run.concerns(waiting) for waiting in self._waiting):
                self._cancel(run)
            self._pump()
            # in a rush a lab that is made counts more than a server that its visitor's sign-in starts as well
            await self._line_is_empty.wait()
            await self._places_for_tails.acquire()
            run.has_place_for_tail = True

        run = Run(command, asyncio.create_task(self._runner.run(command, finished)))
        self._runs[command.id] = run
        self._spawn(self._keep(run))

    async def _keep(self, run: Run) -> None:
        await asyncio.wait([run.work])
        if run.has_place_for_tail:
            self._places_for_tails.release()
        if not run.work.cancelled() and (error := run.work.exception()):
            # it stands as running in the journal, and the next start of the agent runs it again
            log.error("a run's result could not be kept", command=str(run.command.id), exc_info=error)
        if run.cancelled:
            # the run may have started a process while it was being cancelled
            await end_runs([run.command.id])
            await self._journal.close_superseded(run.command.id)
        del self._runs[run.command.id]
        self._feed.ring(run.command.id)
        self._pump()

    def _cancel(self, run: Run) -> None:
        if not run.cancelled:
            run.cancelled = True
            run.work.cancel()
            # a run that waits for its processes does not see the cancellation before they end
            self._spawn(end_runs([run.command.id]))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

"""How far those who work in their labs are, measured every few minutes for the heartbeats."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import psutil
import structlog

from wod_backend_agent.completion_rows import LabInUse
from wod_backend_agent.delivery.base import DeliveryFailed, Seat
from wod_backend_agent.journal import Journal
from wod_backend_agent.scheduler import Scheduler
from wod_common.heartbeat import MOST_COMPLETIONS, SeatCompletion, SeatLogin

log = structlog.get_logger()

Measure = Callable[[Seat, str], Awaitable[int | None]]


def host_is_busy() -> bool:
    """More wants to run than there are cores."""
    return psutil.getloadavg()[0] > (os.cpu_count() or 1)


class Completions:
    """One lab at a time, all of them spread over the ``interval`` in seconds. Only in memory: a restarted agent measures anew.

    A lab is known by its seat's first login, so that what was measured in an earlier one is told of no later one.
    """

    def __init__(
        self,
        journal: Journal,
        scheduler: Scheduler,
        measure: Measure,
        seat: Callable[[int], Seat],
        interval: float,
        is_busy: Callable[[], bool] = host_is_busy,
    ) -> None:
        self._journal = journal
        self._scheduler = scheduler
        self._measure = measure
        self._seat = seat
        self._interval = interval
        self._is_busy = is_busy
        self._latest: dict[SeatLogin, SeatCompletion] = {}
        self._rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._rounds = asyncio.create_task(self._go_round_for_ever())

    async def stop(self) -> None:
        if self._rounds:
            self._rounds.cancel()
            await asyncio.wait([self._rounds])

    def of(self, logins: Sequence[SeatLogin]) -> list[SeatCompletion]:
        """What is known of the labs with these first logins."""
        return [self._latest[login] for login in logins if login in self._latest][:MOST_COMPLETIONS]

    async def _go_round_for_ever(self) -> None:
        while True:
            try:
                await self.go_round()
            except Exception as error:  # noqa: BLE001 - the edge: whatever breaks a round, the next one may succeed
                log.warning("completions not measured", why=f"{type(error).__name__}: {error}")
                await asyncio.sleep(self._interval)

    async def go_round(self) -> None:
        """Every lab once; takes the interval."""
        labs = await self._journal.labs_in_use()
        known = {lab.login for lab in labs}
        self._latest = {login: measured for login, measured in self._latest.items() if login in known}
        for lab in labs:
            await asyncio.sleep(self._interval / len(labs))
            await self._try(lab)
        if not labs:
            await asyncio.sleep(self._interval)

    async def _try(self, lab: LabInUse) -> None:
        """Commands go first: a lab that somebody waits for, and the measurement at the end."""
        student = lab.login.student
        if self._scheduler.waiting or self._scheduler.concerns(student) or self._is_busy():
            return
        try:
            percent = await self._measure(self._seat(student), lab.workshop)
        except DeliveryFailed as error:
            log.info("completion not measured", student=student, why=str(error))
            return
        if percent is not None:
            self._latest[lab.login] = SeatCompletion(
                student=student, generation=lab.login.generation, percent=percent, at=datetime.now(UTC)
            )

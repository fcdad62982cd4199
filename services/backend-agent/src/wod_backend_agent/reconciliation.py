"""Closes seats that the api-db has taken back although the command that says so never came."""

import asyncio
from collections.abc import Callable, Mapping
from uuid import uuid4

import structlog

from wod_backend_agent.access import Access
from wod_backend_agent.delivery.base import Seat
from wod_backend_agent.hub import Hub
from wod_backend_agent.journal import Journal
from wod_backend_agent.scheduler import Scheduler
from wod_common.heartbeat import HeartbeatReceipt

log = structlog.get_logger()

#: Seats deployed by a signed CREATE, with the generation of their assignment.
Deployed = Mapping[int, int]


class Reconciliation:
    """A closed seat lets nobody in; its home is left for the CLEANUP, which measures it."""

    def __init__(
        self, journal: Journal, scheduler: Scheduler, hub: Hub, access: Access, seat: Callable[[int], Seat]
    ) -> None:
        self._journal = journal
        self._scheduler = scheduler
        self._hub = hub
        self._access = access
        self._seat = seat
        self._missing: Deployed = {}
        self._closing: asyncio.Task[None] | None = None

    async def deployed(self) -> dict[int, int]:
        """To be taken before the receipt is asked for, and judged with it."""
        return await self._journal.deployed()

    def compare(self, deployed: Deployed, receipt: HeartbeatReceipt) -> None:
        """Returns at once. What is missing once may be an end whose CLEANUP is on its way; twice in a row it is closed.

        Not while a command waits for the seat or works on it: then the next receipt closes it, or the command has.
        """
        in_use = {seat.student: seat.generation for seat in receipt.seats}
        missing = {student: deployed[student] for student in deployed if student not in in_use}
        taken_back = {
            student: missing[student] for student in missing if self._missing.get(student) == missing[student]
        }
        given_on = {
            student: generation for student, generation in deployed.items() if in_use.get(student, 0) > generation
        }
        self._missing = missing
        if (lost := taken_back | given_on) and self._closing is None:
            self._closing = asyncio.create_task(self._close_all(lost))

    async def stop(self) -> None:
        if self._closing:
            self._closing.cancel()
            await asyncio.wait([self._closing])

    async def _close_all(self, seats: Deployed) -> None:
        try:
            for student, generation in seats.items():
                with self._scheduler.reserved(student) as alone:
                    if alone and (await self._journal.deployed()).get(student) == generation:
                        await self._try_to_close(student, generation)
        finally:
            self._closing = None

    async def _try_to_close(self, student: int, generation: int) -> None:
        try:
            await self._close(student, generation)
        except Exception as error:  # noqa: BLE001 - the edge: one seat that cannot be closed must not spare the others
            # still deployed in the journal, so that the next receipt closes it
            log.warning("seat not closed", student=student, why=f"{type(error).__name__}: {error}")
        else:
            log.warning("seat closed: the api-db has taken it back", student=student, generation=generation)

    async def _close(self, student: int, generation: int) -> None:
        username = f"student{student}"
        await self._journal.close_login(student)
        await self._hub.stop_server(username)
        await self._hub.evict(username)
        # one that was started between the two
        await self._hub.stop_server(username)
        await self._access.lock(uuid4(), self._seat(student))
        await self._access.shut(uuid4(), self._seat(student), None)
        # a login that was being checked while the password was taken away may have come through
        await self._hub.evict(username)
        await self._journal.forget_deployment(student, generation)

"""Keeps as many seats ready as the placements ask for, and none that should not be handed over."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.commands import repository as commands
from wod_api_db.commands.seat_reports import fail_command
from wod_api_db.ready import repository, seats

#: seats that are made at a location at the same time: people's labs are made by the same agent
IN_FLIGHT = 2
#: as long as a registration's CREATE may stay in the location's line
PATIENCE = timedelta(minutes=30)
AT_ONCE = 20


async def sweep(sessions: async_sessionmaker[AsyncSession]) -> None:
    """Each step in a transaction of its own, so that none holds seats for longer than it needs."""
    for step in (_give_up_overdue, _clean, _prepare):
        async with sessions.begin() as session:
            if not await repository.alone(session):
                return
            await step(session)


async def _give_up_overdue(session: AsyncSession) -> None:
    for student_id, generation in await repository.overdue(session, PATIENCE):
        student = await repository.lock_seat(session, student_id)
        command = await commands.outstanding(session, student_id)
        if command is not None and command.registration_id is None and command.generation == generation:
            await fail_command(session, student, command, "the location did not finish it in time")


async def _clean(session: AsyncSession) -> None:
    for student, workshop in await repository.stale(session, AT_ONCE):
        await seats.clean(session, student, workshop)
    for student, workshop in await repository.surplus(session, AT_ONCE):
        await seats.clean(session, student, workshop)


async def _prepare(session: AsyncSession) -> None:
    """One seat of a placement in one sweep: what it takes from the others counts before the next is chosen."""
    for wanting in await repository.wanting(session):
        if await repository.in_flight(session, wanting.placement.location_id) >= IN_FLIGHT:
            continue
        student = await repository.spare_seat(session, wanting.placement, for_class=wanting.for_class)
        if student is not None:
            await seats.prepare(session, student, wanting.placement)

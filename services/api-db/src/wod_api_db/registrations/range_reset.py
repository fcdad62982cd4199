"""Resetting a whole range of seats together: assignment pauses, the last one out triggers it, then all are purged.

A seat that waits for it is ``resetting`` and has no outstanding command.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload

from wod_api_db.commands.issuing import issue
from wod_api_db.commands.models import CommandRow
from wod_api_db.registrations import repository
from wod_api_db.registrations.models import Registration
from wod_api_db.states import OUTSTANDING, STUDENT
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, RangeReset
from wod_common.commands import Verb


async def awaits(session: AsyncSession, registration: Registration) -> bool:
    """Whether the seat waits for a reset of its range, by the operator's choice; nobody is let in from now on."""
    placement = await _lock_placement(session, registration)
    assert registration.student is not None
    in_range = placement.first_seat <= registration.student.number <= placement.last_seat
    if not placement.reset_range or not in_range:
        return False
    placement.range_reset = placement.range_reset or RangeReset.WAITING
    await session.flush()
    return True


async def finished(session: AsyncSession, registration: Registration) -> None:
    """The sweep purges the seats that have waited; then they can be handed out again."""
    (await _lock_placement(session, registration)).range_reset = None
    await session.flush()


async def failed(session: AsyncSession, registration: Registration) -> None:
    """The seat that carried the command is cleaned again, and the range tried again with it."""
    (await _lock_placement(session, registration)).range_reset = RangeReset.WAITING
    await session.flush()


async def _lock_placement(session: AsyncSession, registration: Registration) -> Placement:
    query = (
        select(Placement)
        .where(Placement.id == registration.placement_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one()


async def sweep(sessions: async_sessionmaker[AsyncSession]) -> None:
    """Triggers the reset of ranges whose last one is out, and purges the seats of those that are done."""
    async with sessions() as session:
        query = select(Placement.id).where(Placement.reset_range | Placement.range_reset.is_not(None))
        placements = (await session.execute(query)).scalars().all()
    for placement_id in placements:
        async with sessions.begin() as session:
            await _go_on(session, placement_id)


async def _go_on(session: AsyncSession, placement_id: int) -> None:
    # a registration's row is locked before its placement's elsewhere, so here nobody is waited for
    query = select(Placement).where(Placement.id == placement_id).with_for_update(skip_locked=True)
    placement = (await session.execute(query)).scalar_one_or_none()
    if placement is None or placement.range_reset is RangeReset.RUNNING:
        return
    seats = await _uncleaned(session, placement_id)
    waiting = [row for row in seats if row.student and row.student.state is StudentState.RESETTING]
    if placement.range_reset is None:
        for registration in await _lock_idle(session, waiting):
            await issue(session, registration, Verb.PURGE)
    elif len(waiting) == len(seats):
        await _trigger(session, placement, waiting)


async def _trigger(session: AsyncSession, placement: Placement, waiting: Sequence[Registration]) -> None:
    locked = await _lock_idle(session, waiting)
    if len(locked) < len(waiting):
        return  # one is being worked on: the next sweep looks again
    if not locked:  # asked for by hand while nobody is in
        carrier = await _last_holder(session, placement)
        if carrier is None:
            placement.range_reset = None
            return
        locked = [carrier]
    placement.range_reset = RangeReset.RUNNING
    await issue(session, locked[0], Verb.RESET, seats=(placement.first_seat, placement.last_seat))


async def _last_holder(session: AsyncSession, placement: Placement) -> Registration | None:
    """A command needs a registration: the last one of a free seat takes the seat out once more. None: all are as new."""
    query = (
        repository.whole()
        .join(Student, Student.id == Registration.student_id)
        .join(CommandRow, CommandRow.registration_id == Registration.id)
        .where(
            Student.location_id == placement.location_id,
            Student.number.between(placement.first_seat, placement.last_seat),
            Student.state == StudentState.FREE,
            CommandRow.student_id == Student.id,
            CommandRow.generation == Student.generation,
        )
        .order_by(Student.number)
        .limit(1)
        .with_for_update(of=Registration, skip_locked=True)
    )
    found = (await session.execute(query)).scalars().first()
    if found is not None and found.student is not None:
        found.student.state = STUDENT.check(found.student.state, StudentState.RESETTING)
        found.cleaned_at = None
    return found


async def _uncleaned(session: AsyncSession, placement_id: int) -> Sequence[Registration]:
    query = (
        select(Registration)
        .options(joinedload(Registration.student))
        .where(
            Registration.placement_id == placement_id,
            Registration.cleaned_at.is_(None),
            Registration.student_id.is_not(None),
        )
        .order_by(Registration.id)
    )
    return (await session.execute(query)).scalars().all()


async def _lock_idle(session: AsyncSession, registrations: Sequence[Registration]) -> list[Registration]:
    """Those that nobody else works on and whose seat still waits without a command."""
    busy = select(CommandRow.student_id).where(CommandRow.state.in_(OUTSTANDING))
    query = (
        repository.whole()
        .join(Student, Student.id == Registration.student_id)
        .where(
            Registration.id.in_([row.id for row in registrations]),
            Registration.cleaned_at.is_(None),
            Student.state == StudentState.RESETTING,
            Registration.student_id.not_in(busy),
        )
        .order_by(Registration.id)
        .with_for_update(of=Registration, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list((await session.execute(query)).scalars().all())

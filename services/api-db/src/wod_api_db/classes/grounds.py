"""What there is of a workshop's placements, and what is taken of it by whom until when: read for the rules of fitting."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from wod_api_db.classes.booked import CLEANING, MARGIN
from wod_api_db.classes.fitting import UNKNOWN_PACE, Beside, Booking, Ground
from wod_api_db.classes.models import Class
from wod_api_db.commands.models import CommandRow
from wod_api_db.db import now
from wod_api_db.ready.sweeping import IN_FLIGHT
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.room import is_open, last_public_seat
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement

#: So many of the labs that were made ahead last tell the pace.
_MEASURED = 50
#: Written out, as the partial index has it; see ``columns.state_in``.
_PREPARED = text("verb = 'PREPARE' AND state = 'done'")
#: Of one slot, from one lab's end to the sweep that begins the next.
_PAUSE = 1.0


async def of_workshop(session: AsyncSession, workshop_id: int, *, but: int | None = None) -> list[Ground]:
    """In the order in which placements are tried, those that are open. To be asked with the placements locked.

    ``but`` is a class that is to be changed: what it has counts as free.
    """
    query = (
        select(Placement, _seats())
        .join(Placement.location)
        .options(contains_eager(Placement.location))
        .where(Placement.workshop_id == workshop_id, is_open())
        .order_by(Placement.rank, Placement.id)
        .execution_options(populate_existing=True)
    )
    rows = (await session.execute(query)).all()
    return [await _ground(session, placement, seats, but) for placement, seats in rows]


async def _ground(session: AsyncSession, placement: Placement, seats: int, but: int | None) -> Ground:
    return Ground(
        placement_id=placement.id,
        location_id=placement.location_id,
        location=placement.location.name,
        seats=min(placement.capacity, seats),
        pace=await pace(session, placement.location_id),
        beside=await _beside(session, placement.location_id, but),
        held_until=await _held_until(session, placement.id, but),
        bookings=await _bookings(session, placement, but),
        speaker_apart=placement.speaker_seat,
    )


def _seats() -> ColumnElement[int]:
    """A broken one is nobody's until an operator has mended it."""
    return (
        select(func.count())
        .where(
            Student.location_id == Placement.location_id,
            Student.number.between(Placement.first_seat, last_public_seat()),
            Student.state != StudentState.BROKEN,
        )
        .correlate(Placement)
        .scalar_subquery()
    )


async def _held_until(session: AsyncSession, placement_id: int, but: int | None) -> Sequence[datetime]:
    """Of everybody who is in, or whose offer is open, and has no seat of a class that is still booked."""
    until = case(
        (Registration.ended_at.is_not(None), now + CLEANING),
        (Registration.ends_at.is_not(None), func.greatest(Registration.ends_at, now) + CLEANING),
        else_=now + Registration.duration + MARGIN,
    )
    booked = exists().where(Class.id == Registration.class_id, or_(Class.ended_at.is_(None), Class.id == but))
    query = select(until).where(
        Registration.placement_id == placement_id,
        or_(
            and_(Registration.cleaned_at.is_(None), Registration.student_id.is_not(None)),
            Registration.state == RegistrationState.OFFERED,
        ),
        ~booked.correlate(Registration),
    )
    return (await session.execute(query)).scalars().all()


async def _bookings(session: AsyncSession, placement: Placement, but: int | None) -> Sequence[Booking]:
    query = select(Class).where(Class.placement_id == placement.id, Class.ended_at.is_(None), Class.id != (but or 0))
    return [
        Booking(row.deploy_from, row.ends_at + CLEANING, row.seats + (row.speaker_seat and not placement.speaker_seat))
        for row in (await session.execute(query)).scalars()
    ]


async def pace(session: AsyncSession, location_id: int) -> float:
    """Labs a minute that the location makes ahead, as many at a time as it is given: from the last ones that it made."""
    last = (
        select(func.extract("epoch", CommandRow.finished_at - CommandRow.created_at).label("seconds"))
        .where(
            CommandRow.location_id == location_id,
            _PREPARED,
        )
        .order_by(CommandRow.finished_at.desc())
        .limit(_MEASURED)
        .subquery()
    )
    seconds = (await session.execute(select(func.avg(last.c.seconds)))).scalar_one()
    return UNKNOWN_PACE if seconds is None else IN_FLIGHT * 60 / (max(0.0, float(seconds)) + _PAUSE)


async def _beside(session: AsyncSession, location_id: int, but: int | None) -> Sequence[Beside]:
    query = (
        select(Class.starts_at, Class.seats, Class.speaker_seat)
        .join(Placement, Placement.id == Class.placement_id)
        .where(Placement.location_id == location_id, Class.ended_at.is_(None), Class.id != (but or 0))
    )
    return [Beside(starts_at, seats + speaker) for starts_at, seats, speaker in await session.execute(query)]

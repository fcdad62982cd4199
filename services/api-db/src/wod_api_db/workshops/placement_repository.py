"""Every query about placements that operators act on."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload

from wod_api_db.db import now
from wod_api_db.ready.policy import target
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.room import room
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, Workshop


@dataclass(frozen=True)
class Shown:
    """A placement with what is counted of it."""

    placement: Placement
    room: int
    ready_target: int
    ready_seats: int


async def workshop(session: AsyncSession, notebook: str) -> Workshop | None:
    return (await session.execute(select(Workshop).where(Workshop.notebook == notebook))).scalar_one_or_none()


async def of_workshop(session: AsyncSession, workshop_id: int, location_id: int | None = None) -> Sequence[Shown]:
    """The workshop's placements in the order in which they are tried."""
    ready = (
        select(func.count())
        .where(Student.prepared_placement_id == Placement.id, Student.state == StudentState.READY)
        .correlate(Placement)
        .scalar_subquery()
    )
    query = (
        select(Placement, room(), target(), ready)
        .options(joinedload(Placement.location))
        .where(Placement.workshop_id == workshop_id)
        .order_by(Placement.rank, Placement.id)
    )
    if location_id is not None:
        query = query.where(Placement.location_id == location_id)
    rows = await session.execute(query.execution_options(populate_existing=True))
    return [Shown(*row) for row in rows]


async def lock(session: AsyncSession, workshop_id: int, location_id: int) -> Placement | None:
    """The placement's row is the lock on its room: nobody is let in until we are done."""
    query = (
        select(Placement)
        .where(Placement.workshop_id == workshop_id, Placement.location_id == location_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def close_others(session: AsyncSession, workshop_id: int, location_id: int) -> Sequence[int]:
    """The first choices elsewhere take nobody any more; the locations of those that did until now.

    Registering locks all placements of a workshop in the order of their ids, and so does this.
    """
    others = select(Placement.id).where(
        Placement.workshop_id == workshop_id,
        Placement.location_id != location_id,
        Placement.rank == 0,
        Placement.closed_at.is_(None),
    )
    closed = (
        update(Placement)
        .where(Placement.id.in_(others))
        .values(closed_at=now)
        .returning(Placement.location_id)
        .execution_options(synchronize_session=False)
    )
    return sorted((await session.execute(closed)).scalars())


async def lock_all(session: AsyncSession, workshop_id: int) -> None:
    """In the order of their ids, as registering does."""
    query = select(Placement.id).where(Placement.workshop_id == workshop_id).order_by(Placement.id).with_for_update()
    await session.execute(query)


async def overlapping(session: AsyncSession, placement: Placement) -> Placement | None:
    """An active workshop's open placement at the same location that hands out some of the same seats.

    With the location's row locked there will be none afterwards either.
    """
    query = (
        select(Placement)
        .join(Placement.workshop)
        .options(contains_eager(Placement.workshop))
        .where(
            Placement.location_id == placement.location_id,
            Placement.workshop_id != placement.workshop_id,
            Placement.closed_at.is_(None),
            Placement.first_seat <= placement.last_seat,
            Placement.last_seat >= placement.first_seat,
            Workshop.active,
            Workshop.retired_at.is_(None),
        )
        .order_by(Placement.first_seat)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def seats_in_use(session: AsyncSession, placement: Placement) -> Sequence[tuple[Student, str]]:
    """Seats of the range that are not clean yet, with the workshop their holder has or had."""
    query = (
        select(Student, Workshop.notebook)
        .join(Registration, Registration.student_id == Student.id)
        .join(Workshop, Workshop.id == Registration.workshop_id)
        .where(
            Student.location_id == placement.location_id,
            Student.number.between(placement.first_seat, placement.last_seat),
            Registration.cleaned_at.is_(None),
            Registration.student_id.is_not(None),
        )
        .order_by(Student.number)
    )
    return [(row[0], row[1]) for row in await session.execute(query)]

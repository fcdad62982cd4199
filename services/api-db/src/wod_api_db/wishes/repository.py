"""Every query of booking wishes."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from wod_api_db.classes.models import Class
from wod_api_db.db import now
from wod_api_db.locations.models import Location
from wod_api_db.registrations.models import Registration
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Placement, Workshop


async def locations(session: AsyncSession) -> Sequence[Location]:
    return (await session.execute(select(Location).order_by(Location.id))).scalars().all()


async def workshops(session: AsyncSession, notebooks: Collection[str]) -> Mapping[str, Workshop]:
    query = select(Workshop).where(Workshop.notebook.in_(notebooks))
    return {row.notebook: row for row in (await session.execute(query)).scalars()}


async def lock(session: AsyncSession, location_ids: Collection[int]) -> None:
    """Locations, then all their placements, each by their ids, as everybody who changes ranges does.

    Whoever is just registering has his seat before we look, or comes when we are done.
    """
    places = select(Location).where(Location.id.in_(location_ids)).order_by(Location.id)
    await session.execute(places.with_for_update(key_share=True).execution_options(populate_existing=True))
    rows = select(Placement.id).where(Placement.location_id.in_(location_ids)).order_by(Placement.id)
    await session.execute(rows.with_for_update())


async def placements(session: AsyncSession, location_ids: Collection[int]) -> Mapping[int, Mapping[str, Placement]]:
    """By location and workshop; those of workshops that are gone too."""
    query = (
        select(Placement)
        .join(Placement.workshop)
        .options(contains_eager(Placement.workshop))
        .where(Placement.location_id.in_(location_ids))
        .execution_options(populate_existing=True)
    )
    found: dict[int, dict[str, Placement]] = defaultdict(dict)
    for row in (await session.execute(query)).scalars():
        found[row.location_id][row.workshop.notebook] = row
    return found


async def held(session: AsyncSession, location_ids: Collection[int]) -> Mapping[int, Mapping[str, set[int]]]:
    """Seats that are not given back yet, by location and workshop."""
    query = (
        select(Student.location_id, Workshop.notebook, Student.number)
        .select_from(Registration)
        .join(Student, Student.id == Registration.student_id)
        .join(Workshop, Workshop.id == Registration.workshop_id)
        .where(
            Registration.location_id.in_(location_ids),
            Registration.cleaned_at.is_(None),
            Registration.student_id.is_not(None),
        )
    )
    found: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for location_id, notebook, number in await session.execute(query):
        found[location_id][notebook].add(number)
    return found


async def booked(session: AsyncSession, location_ids: Collection[int]) -> Mapping[int, Mapping[str, int]]:
    """Seats of the largest class that is on or ahead, by location and workshop."""
    query = (
        select(Placement.location_id, Workshop.notebook, func.max(Class.seats + cast(Class.speaker_seat, Integer)))
        .join(Placement, Placement.id == Class.placement_id)
        .join(Workshop, Workshop.id == Placement.workshop_id)
        .where(Placement.location_id.in_(location_ids), Class.ended_at.is_(None), Class.ends_at > now)
        .group_by(Placement.location_id, Workshop.notebook)
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for location_id, notebook, seats in await session.execute(query):
        found[location_id][notebook] = seats
    return found


async def last_ranks(session: AsyncSession, workshop_ids: Collection[int]) -> dict[int, int]:
    """Of workshops that are given somewhere."""
    query = (
        select(Placement.workshop_id, func.max(Placement.rank))
        .where(Placement.workshop_id.in_(workshop_ids), Placement.closed_at.is_(None))
        .group_by(Placement.workshop_id)
    )
    return {row[0]: row[1] for row in await session.execute(query)}

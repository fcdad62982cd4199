"""Every query about locations."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from wod_api_db.accounts.models import Account
from wod_api_db.columns import state_in
from wod_api_db.commands.models import CommandRow
from wod_api_db.locations.health import healthy, speaks
from wod_api_db.locations.models import Location
from wod_api_db.notices.models import Notice
from wod_api_db.pauses.models import Announcement, Pause
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.states import OUTSTANDING
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, Workshop

#: Intervals are given out one at a time: two that are made at once would both find theirs free.
_INTERVALS_LOCK = 0x776F646C6F63
_WAITING = state_in(*OUTSTANDING)
_RUNNING = state_in(RegistrationState.RUNNING, RegistrationState.EXPIRING)


@dataclass(frozen=True)
class Load:
    """What is going on at a location."""

    healthy: bool
    silent: bool
    paused: str | None
    seats: Mapping[StudentState, int]
    commands: int
    running: int


async def by_id(session: AsyncSession, location_id: int) -> Location | None:
    return await session.get(Location, location_id)


async def lock(session: AsyncSession, location_id: int) -> Location | None:
    """Registering is not hindered by it: that takes the row's key alone."""
    query = (
        select(Location)
        .where(Location.id == location_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def lock_intervals(session: AsyncSession) -> None:
    """To be taken before a location's row."""
    await session.execute(select(func.pg_advisory_xact_lock(_INTERVALS_LOCK)))


async def with_load(session: AsyncSession, location_id: int | None = None) -> list[tuple[Location, Load]]:
    """Locations by id; the rows of all are counted in one query for each kind."""
    seats = await _seats(session)
    commands = await _per_location(session, CommandRow.location_id, _WAITING)
    running = await _per_location(session, Registration.location_id, _RUNNING)
    query = select(Location, healthy(), ~speaks(), _pause()).order_by(Location.id)
    if location_id is not None:
        query = query.where(Location.id == location_id)
    rows = await session.execute(query.execution_options(populate_existing=True))
    return [
        (row, Load(fit, silent, paused, seats[row.id], commands.get(row.id, 0), running.get(row.id, 0)))
        for row, fit, silent, paused in rows
    ]


def _pause() -> ColumnElement[str | None]:
    """The text that hinders at the ``Location`` of the query: everywhere before the location's own."""
    return (
        select(Pause.text)
        .where(Pause.workshop_id.is_(None), Pause.location_id.is_(None) | (Pause.location_id == Location.id))
        .order_by(Pause.location_id.asc().nulls_first())
        .limit(1)
        .correlate(Location)
        .scalar_subquery()
    )


async def _seats(session: AsyncSession) -> Mapping[int, Mapping[StudentState, int]]:
    query = (
        select(Student.location_id, Student.state, func.count())
        .join(Location, (Location.id == Student.location_id) & (Student.number <= Location.seats))
        .group_by(Student.location_id, Student.state)
    )
    counts: dict[int, dict[StudentState, int]] = defaultdict(dict)
    for location_id, state, count in await session.execute(query):
        counts[location_id][state] = count
    return counts


async def _per_location(
    session: AsyncSession, column: InstrumentedAttribute[Any], condition: TextClause
) -> Mapping[int, int]:
    query = select(column, func.count()).where(condition).group_by(column)
    return {row[0]: row[1] for row in await session.execute(query)}


async def named_alike(session: AsyncSession, location_id: int, name: str) -> Location | None:
    query = select(Location).where(Location.name == name, Location.id != location_id)
    return (await session.execute(query)).scalar_one_or_none()


async def overlapping(session: AsyncSession, location_id: int, basestdid: int, seats: int) -> Location | None:
    """The location in the way of the interval; with ``lock_intervals`` taken, there will be none afterwards either."""
    query = (
        select(Location)
        .where(
            Location.id != location_id,
            func.int8range(Location.basestdid + 1, Location.basestdid + Location.seats + 1).op("&&")(
                func.int8range(basestdid + 1, basestdid + seats + 1)
            ),
        )
        .order_by(Location.id)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def former_owner(session: AsyncSession, location_id: int, basestdid: int, seats: int) -> Location | None:
    """A location that has become smaller keeps the seats that somebody has had: their ids are taken."""
    query = (
        select(Location)
        .join(Student, Student.location_id == Location.id)
        .where(Location.id != location_id, Student.id.between(basestdid + 1, basestdid + seats))
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def add_seats(session: AsyncSession, location: Location) -> None:
    """Those that are missing; one that has been there before goes on counting its generations."""
    numbers = select(func.generate_series(1, location.seats).column_valued("number")).subquery()
    rows = select(literal(location.basestdid) + numbers.c.number, literal(location.id), numbers.c.number)
    statement = upsert(Student).from_select(["id", "location_id", "number"], rows).on_conflict_do_nothing()
    await session.execute(statement)


async def lock_seats_in_use(session: AsyncSession, location_id: int, above: int) -> Sequence[Student]:
    """Seats with a higher number, locked so that nobody takes one; of these, those that are not free."""
    query = (
        select(Student)
        .where(Student.location_id == location_id, Student.number > above)
        .order_by(Student.number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = (await session.execute(query)).scalars().all()
    return [row for row in rows if row.state is not StudentState.FREE]


async def drop_unused_seats(session: AsyncSession, location_id: int, above: int) -> None:
    """A seat that somebody has had stays: his registration names it."""
    await session.execute(
        delete(Student).where(Student.location_id == location_id, Student.number > above, Student.generation == 0)
    )


async def needing(session: AsyncSession, location_id: int, seats: int) -> Sequence[tuple[str, int]]:
    """Workshops whose open range reaches beyond that many seats, with its last one."""
    query = (
        select(Workshop.notebook, Placement.last_seat)
        .join(Placement, Placement.workshop_id == Workshop.id)
        .where(
            Placement.location_id == location_id,
            Placement.closed_at.is_(None),
            Placement.last_seat > seats,
            Workshop.retired_at.is_(None),
        )
        .order_by(Placement.last_seat.desc())
    )
    return [(row[0], row[1]) for row in await session.execute(query)]


async def references(session: AsyncSession, location_id: int) -> list[str]:
    """What refers to the location. Registrations and commands have a placement, which is never taken away."""
    used = select(Student.id).where(Student.location_id == location_id, Student.generation > 0)
    found: dict[str, Select[Any]] = {"seats that somebody has had": used}
    for name, column in {
        "placements of workshops": Placement.location_id,
        "accounts": Account.location_id,
        "pauses": Pause.location_id,
        "announcements": Announcement.location_id,
        "notices": Notice.location_id,
    }.items():
        found[name] = select(column).where(column == location_id)
    return [name for name, query in found.items() if (await session.execute(query.limit(1))).first() is not None]


async def remove(session: AsyncSession, location_id: int) -> None:
    await drop_unused_seats(session, location_id, above=0)
    await session.execute(delete(Location).where(Location.id == location_id))

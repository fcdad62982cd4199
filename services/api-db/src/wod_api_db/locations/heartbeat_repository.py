"""Every query about heartbeats. They run all the time: what has ended is never looked at."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from wod_api_db.db import now
from wod_api_db.locations.health import healthy, speaks
from wod_api_db.locations.models import Location
from wod_api_db.registrations.models import Registration
from wod_api_db.states import HOLDING
from wod_api_db.students.models import Student
from wod_common.heartbeat import SeatCompletion

#: id, student number, generation, first login, seconds left, completion so far
SeatRow = tuple[int, int, int, datetime | None, float | None, int | None]

#: In one statement, however many they are. A locked row is passed over, so that no two transactions wait for each other.
_KEEP_COMPLETIONS = text("""
    WITH measured AS (
        SELECT * FROM unnest(:ids, :percents, :moments) AS m (id, percent, moment)
    ), chosen AS (
        SELECT r.id, m.percent, m.moment FROM registrations r JOIN measured m ON m.id = r.id
        WHERE r.state IN ('running', 'expiring') ORDER BY r.id FOR UPDATE OF r SKIP LOCKED
    ), kept AS (
        UPDATE registrations r SET completion_so_far = c.percent FROM chosen c WHERE r.id = c.id
        RETURNING r.id, r.state, c.percent, c.moment
    )
    INSERT INTO registration_events (registration_id, type, state, data)
    SELECT id, 'completion', state, jsonb_build_object('completion', percent, 'measured_at', moment) FROM kept
""").bindparams(
    bindparam("ids", type_=ARRAY(BigInteger())),
    bindparam("percents", type_=ARRAY(Integer())),
    bindparam("moments", type_=ARRAY(Text())),
)


async def keep(session: AsyncSession, location_id: int, figures: dict[str, Any]) -> None:
    steady = and_(
        Location.steady_since.is_not(None),
        speaks(),
        Location.health["hub"] == cast(literal(figures["hub"], JSONB()), JSONB()),
    )
    await session.execute(
        update(Location)
        .where(Location.id == location_id)
        .values(
            last_heartbeat_at=now,
            health=figures,
            steady_since=case((steady, Location.steady_since), else_=now),
        )
        .execution_options(synchronize_session=False)
    )


def seats_in_use_query(location_id: int) -> Select[*SeatRow]:
    """The predicate about cleaning is that of a partial index, as long as the seats and no longer."""
    left = func.greatest(0, func.extract("epoch", Registration.ends_at - now))
    return (
        select(
            Registration.id,
            Student.number,
            Registration.generation,
            Registration.first_login_at,
            case((Registration.ends_at.is_not(None), left)).label("seconds_left"),
            Registration.completion_so_far,
        )
        .join(Student, Student.id == Registration.student_id)
        .where(
            Registration.location_id == location_id,
            Registration.cleaned_at.is_(None),
            Registration.student_id.is_not(None),
            Registration.state.in_(HOLDING),
        )
        .order_by(Student.number)
    )


async def seats_in_use(session: AsyncSession, location_id: int) -> Sequence[Row[*SeatRow]]:
    return (await session.execute(seats_in_use_query(location_id))).all()


async def lock_without_login(session: AsyncSession, registrations: Sequence[int]) -> Sequence[Registration]:
    """Those of which no login is known; one that another transaction holds is passed over."""
    query = (
        select(Registration)
        .where(
            Registration.id.in_(registrations),
            Registration.first_login_at.is_(None),
            Registration.state.in_(HOLDING),
        )
        .options(joinedload(Registration.student), joinedload(Registration.workshop), joinedload(Registration.location))
        .order_by(Registration.id)
        .with_for_update(of=Registration, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalars().all()


async def keep_completions(session: AsyncSession, measured: Mapping[int, SeatCompletion]) -> None:
    """By registration; whoever follows one of them is told at the commit."""
    values = {
        "ids": list(measured),
        "percents": [one.percent for one in measured.values()],
        "moments": [one.at.isoformat() for one in measured.values()],
    }
    await session.execute(_KEEP_COMPLETIONS, values)


async def clock(session: AsyncSession) -> datetime:
    return (await session.execute(select(now))).scalar_one()


async def newly_unhealthy(session: AsyncSession) -> Sequence[tuple[int, str, bool]]:
    """Id, name, and whether it is silent; each is marked, so that it is answered once."""
    statement = (
        update(Location)
        .where(Location.unhealthy_since.is_(None), ~healthy())
        .values(unhealthy_since=now)
        .returning(Location.id, Location.name, ~speaks())
        .execution_options(synchronize_session=False)
    )
    return [(row[0], row[1], row[2]) for row in await session.execute(statement)]


async def newly_back(session: AsyncSession, steady: timedelta) -> Sequence[tuple[int, str]]:
    statement = (
        update(Location)
        .where(Location.unhealthy_since.is_not(None), healthy(), _steady_for(steady))
        .values(unhealthy_since=None)
        .returning(Location.id, Location.name)
        .execution_options(synchronize_session=False)
    )
    return [(row[0], row[1]) for row in await session.execute(statement)]


def _steady_for(duration: timedelta) -> ColumnElement[bool]:
    return or_(Location.steady_since.is_(None), Location.steady_since <= now - duration)

"""Every query about heartbeats. They run all the time: what has ended is never looked at."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, cast, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from wod_api_db.db import now
from wod_api_db.locations.health import healthy, speaks
from wod_api_db.locations.models import Location
from wod_api_db.registrations.models import Registration
from wod_api_db.states import HOLDING
from wod_api_db.students.models import Student

#: id, student number, generation, first login, seconds left
SeatRow = tuple[int, int, int, datetime | None, float | None]


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

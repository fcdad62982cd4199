"""Every query about the line of a workshop: who waits for it, and what room there is to offer.

Whoever offers room or takes it back locks the registration's row and then the placements', in the order of their ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from wod_api_db.db import now
from wod_api_db.locations.health import healthy
from wod_api_db.mail.models import Mail
from wod_api_db.mail.repository import OPEN
from wod_api_db.registrations.models import OFFERED, WAITING, Registration
from wod_api_db.registrations.room import room
from wod_api_db.workshops.models import Placement, Workshop
from wod_api_db.workshops.repository import paused

#: A workshop that is gone may have been taken for gone: its line is ended when it has not come back in this time.
RETIRED_FOR_GOOD = timedelta(hours=1)
#: So many of those who were offered room last say how long one waits, and no older ones than of a day.
_SAMPLE = 10
_SAMPLE_AGE = timedelta(days=1)
#: Everybody in a line asks for his place whenever something happens: who is farther behind is told so, not counted.
COUNTED_TO = 300

LAPSED = OFFERED & (Registration.offer_ends_at <= func.now())
IN_VAIN = WAITING & (Registration.wait_ends_at <= func.now())
OF_RETIRED = WAITING & exists().where(
    Workshop.id == Registration.workshop_id, Workshop.retired_at <= now - RETIRED_FOR_GOOD
)


def has_line(workshop_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Somebody waits for the workshop. By the first of them, in the very order of the line's index: to find just any,
    PostgreSQL would rather read all rows from the oldest on, because so many of them wait.
    """
    first = (
        select(Registration.id)
        .where(Registration.workshop_id == workshop_id, WAITING)
        .order_by(Registration.waiting_since, Registration.id)
        .limit(1)
    )
    return first.correlate_except(Registration).scalar_subquery().is_not(None)


#: Whether anybody waits, and whether anybody does of whom ``OF_RETIRED`` is true.
LINES = select(func.min(Registration.wait_ends_at)).where(WAITING).scalar_subquery().is_not(None)
RETIRED_WITH_LINE = exists().where(Workshop.retired_at <= now - RETIRED_FOR_GOOD, has_line(Workshop.id))


def _gives() -> ColumnElement[bool]:
    """Of ``Workshop``: it lets people in. Never NULL."""
    return and_(Workshop.active, Workshop.retired_at.is_(None), paused().is_(None))


async def with_room_and_line(session: AsyncSession) -> Sequence[int]:
    """Workshops that somebody waits for and that have room for him, as far as one sees without a lock."""
    query = (
        select(Placement.workshop_id)
        .join(Placement.workshop)
        .where(has_line(Workshop.id), _gives(), room() > 0)
        .group_by(Placement.workshop_id)
        .order_by(Placement.workshop_id)
    )
    return (await session.execute(query)).scalars().all()


async def first_in_line(session: AsyncSession, workshop_id: int) -> int | None:
    query = (
        select(Registration.id)
        .where(Registration.workshop_id == workshop_id, WAITING)
        .order_by(Registration.waiting_since, Registration.id)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def lock_places(session: AsyncSession, workshop_id: int) -> None:
    """As registering does: until the end of the transaction nobody else counts the workshop's room."""
    query = (
        select(Placement.id)
        .where(Placement.workshop_id == workshop_id, Placement.closed_at.is_(None))
        .order_by(Placement.id)
        .with_for_update()
    )
    await session.execute(query)


async def place_with_room(session: AsyncSession, workshop_id: int) -> Placement | None:
    """The one that somebody who registers would get. To be asked with the places locked."""
    query = (
        select(Placement)
        .join(Placement.workshop)
        .join(Placement.location)
        .where(Placement.workshop_id == workshop_id, _gives(), room() > 0)
        .order_by(healthy().desc(), Placement.rank, Placement.id)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def offers_in_vain(session: AsyncSession) -> Sequence[int]:
    """Offers that could not be taken now: nobody is let in there any more, or there are more of them than seats.

    The latest first: of too many, the earlier ones stay good.
    """
    query = (
        select(Registration.id)
        .join(Placement, Placement.id == Registration.placement_id)
        .join(Workshop, Workshop.id == Registration.workshop_id)
        .where(OFFERED, or_(~_gives(), room(taking=Registration.id) == 0))
        .order_by(Registration.offered_at.desc(), Registration.id.desc())
    )
    return (await session.execute(query)).scalars().all()


async def is_in_vain(session: AsyncSession, registration: Registration) -> bool:
    """The same of one offer, to be asked with its placement locked."""
    query = (
        select(or_(~_gives(), room(taking=Registration.id) == 0))
        .select_from(Registration)
        .join(Placement, Placement.id == Registration.placement_id)
        .join(Workshop, Workshop.id == Registration.workshop_id)
        .where(Registration.id == registration.id)
    )
    return bool((await session.execute(query)).scalar_one())


async def is_unsent(session: AsyncSession, registration_id: int) -> bool:
    """Whether the mail with the offer has not left: then nobody has been asked."""
    query = select(
        exists().where(Mail.registration_id == registration_id, Mail.template == "offer", Mail.state.in_(OPEN))
    )
    return bool((await session.execute(query)).scalar_one())


async def somebody_waits(session: AsyncSession, registration: Registration) -> bool:
    query = select(has_line(literal(registration.workshop_id)))
    return bool((await session.execute(query)).scalar_one())


@dataclass(frozen=True)
class Line:
    """Where somebody stands in it, and how it has moved lately. ``moved_at`` and ``waited`` are None: nobody knows.

    ``before`` stops at ``COUNTED_TO``, ``length`` at one more.
    """

    before: int
    length: int
    moved_at: datetime | None
    waited: timedelta | None


async def line_of(session: AsyncSession, registration: Registration) -> Line:
    other = aliased(Registration)
    mine = (registration.waiting_since, registration.id)
    everybody = (Registration.workshop_id == registration.workshop_id, WAITING)
    earlier = tuple_(Registration.waiting_since, Registration.id) < mine
    line = select(_counted(COUNTED_TO, *everybody, earlier), _counted(COUNTED_TO + 1, *everybody))
    latest = (
        select(other.offered_at, (other.offered_at - other.waiting_since).label("waited"))
        .where(other.workshop_id == registration.workshop_id, other.offered_at >= now - _SAMPLE_AGE)
        .order_by(other.offered_at.desc())
        .limit(_SAMPLE)
        .subquery()
    )
    moved = select(func.max(latest.c.offered_at), func.percentile_cont(0.5).within_group(latest.c.waited))
    before, length = (await session.execute(line)).one()
    moved_at, waited = (await session.execute(moved)).one()
    return Line(before, length, moved_at, waited)


def _counted(most: int, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    first = (
        select(Registration.waiting_since)
        .where(*conditions)
        .order_by(Registration.waiting_since)
        .limit(most)
        .subquery()
    )
    return select(func.count()).select_from(first).scalar_subquery()

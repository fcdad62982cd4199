"""Every query about workshops and placements."""

from dataclasses import dataclass

from sqlalchemy import ScalarSelect, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.pauses.models import Pause
from wod_api_db.registrations.models import WAITING, Registration
from wod_api_db.registrations.room import room, size
from wod_api_db.workshops.models import Placement, Workshop


@dataclass(frozen=True)
class Offer:
    """A workshop with its room and its size over all locations, the length of its line, and the text of what hinders a
    registration."""

    workshop: Workshop
    room: int
    waiting: int
    seats: int
    paused: str | None


async def catalogue(session: AsyncSession, notebook: str | None = None) -> list[Offer]:
    """Workshops that are not retired, by priority and name."""
    query = _CATALOGUE if notebook is None else _CATALOGUE.where(Workshop.notebook == notebook)
    return [_offer(*row) for row in await session.execute(query)]


def _offer(
    workshop: Workshop, left: int, seats: int, waiting: int, paused: str | None, paused_locally: str | None
) -> Offer:
    """The pause of a location hinders only where no other location has room. Room that somebody waits for is his."""
    text = paused or (paused_locally if left == 0 else None)
    is_open = workshop.active and text is None and not waiting
    return Offer(workshop, left if is_open else 0, waiting, seats, text)


def _waiting() -> ScalarSelect[int]:
    return (
        select(func.count())
        .where(Registration.workshop_id == Workshop.id, WAITING)
        .correlate(Workshop)
        .scalar_subquery()
    )


def paused() -> ScalarSelect[str]:
    """The text of a pause everywhere, or else of the workshop's."""
    return (
        select(Pause.text)
        .where(Pause.location_id.is_(None), or_(Pause.workshop_id.is_(None), Pause.workshop_id == Workshop.id))
        .order_by(Pause.workshop_id.is_not(None))
        .limit(1)
        .correlate(Workshop)
        .scalar_subquery()
    )


def _paused_where_it_is_given() -> ScalarSelect[str]:
    """The text of a location's pause, of the first choice among the workshop's locations that are paused."""
    placed = Placement.__table__.alias("placed")
    return (
        select(Pause.text)
        .join(placed, placed.c.location_id == Pause.location_id)
        .where(placed.c.workshop_id == Workshop.id, placed.c.closed_at.is_(None))
        .order_by(placed.c.rank, placed.c.id)
        .limit(1)
        .correlate(Workshop)
        .scalar_subquery()
    )


#: built once: building it takes longer than the database takes to answer
_CATALOGUE = (
    select(
        Workshop,
        func.coalesce(func.sum(room()), 0),
        func.coalesce(func.sum(size()), 0),
        _waiting(),
        paused(),
        _paused_where_it_is_given(),
    )
    .outerjoin(Placement, Placement.workshop_id == Workshop.id)
    .where(Workshop.retired_at.is_(None))
    .group_by(Workshop.id)
    .order_by(Workshop.priority, Workshop.name)
)

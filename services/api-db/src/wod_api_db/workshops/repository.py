"""Every query about workshops and placements."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.registrations.room import room, size
from wod_api_db.workshops.models import Placement, Workshop


async def catalogue(session: AsyncSession, notebook: str | None = None) -> list[tuple[Workshop, int, int]]:
    """Workshops that are not retired, by priority and name, each with its room and its size over all locations."""
    query = (
        select(Workshop, func.coalesce(func.sum(room()), 0), func.coalesce(func.sum(size()), 0))
        .outerjoin(Placement, Placement.workshop_id == Workshop.id)
        .where(Workshop.retired_at.is_(None))
        .group_by(Workshop.id)
        .order_by(Workshop.priority, Workshop.name)
    )
    if notebook is not None:
        query = query.where(Workshop.notebook == notebook)
    return [(row[0], row[1], row[2]) for row in await session.execute(query)]

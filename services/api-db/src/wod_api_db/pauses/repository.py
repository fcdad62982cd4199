"""Every query about pauses and announcements."""

from sqlalchemy import case, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.pauses.models import Pause

_EVERYWHERE = Pause.location_id.is_(None) & Pause.workshop_id.is_(None)


async def hindering(session: AsyncSession, workshop_id: int, location_id: int | None) -> str | None:
    """The text of the widest pause: everywhere, then the workshop's, then the location's."""
    scopes = [_EVERYWHERE, Pause.workshop_id == workshop_id]
    if location_id is not None:
        scopes.append(Pause.location_id == location_id)
    width = case((_EVERYWHERE, 0), (Pause.workshop_id.is_not(None), 1), else_=2)
    query = select(Pause.text).where(or_(*scopes)).order_by(width).limit(1)
    return (await session.execute(query)).scalar_one_or_none()

"""Pausing registration, and asking whether it is paused."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.pauses import repository


async def pause_for(session: AsyncSession, workshop_id: int, location_id: int | None = None) -> str | None:
    """The text of the pause that hinders a registration: everywhere first, then the workshop, then the location.

    None where nothing is paused. Without ``location_id`` the pauses of locations are not looked at.
    """
    return await repository.hindering(session, workshop_id, location_id)

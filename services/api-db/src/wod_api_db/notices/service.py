"""Tells the operator, in the transaction in which it happened."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.notices.models import Notice
from wod_api_db.statistics.counting import count


async def notify(
    session: AsyncSession, kind: str, text: str, *, location_id: int | None = None, registration_id: int | None = None
) -> None:
    """``text`` says what happened, why, and what the operator can do; it is mailed with what else came up."""
    count(session, "notice", {"kind": kind}, datetime.now(UTC))
    session.add(Notice(kind=kind, text=text, location_id=location_id, registration_id=registration_id))
    await session.flush()

"""Notices go out together: the first at once, those of the next minute in one mail, and so on."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.mail.outbox import queue_for_operator
from wod_api_db.notices import repository

GAP = timedelta(minutes=1)
#: What is more goes with the next digest.
MOST = 50


async def queue_digest(session: AsyncSession) -> None:
    """A step of the sweep."""
    notices = await repository.claim_unmailed(session, GAP, MOST)
    if notices:
        await queue_for_operator(session, "notice", occasion=str(notices[0]), notices=notices)

"""The query behind popularity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.registrations.models import Registration
from wod_api_db.workshops.models import Workshop


@dataclass(frozen=True)
class Asked:
    """A workshop that was asked for."""

    id: int
    notebook: str


async def most_asked(session: AsyncSession, within: timedelta, count: int) -> Sequence[Asked]:
    """Those that most addresses have registered for, the most popular first."""
    query = (
        select(Workshop.id, Workshop.notebook)
        .join(Registration, Registration.workshop_id == Workshop.id)
        .where(Registration.created_at > func.now() - within)
        .group_by(Workshop.id)
        .order_by(func.count(Registration.email_key.distinct()).desc(), Workshop.id)
        .limit(count)
    )
    return [Asked(*row) for row in await session.execute(query)]

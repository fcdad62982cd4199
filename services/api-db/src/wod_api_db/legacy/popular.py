"""Which workshops are popular, counted once a minute: the count reads every registration of the last months."""

from datetime import timedelta
from time import monotonic
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.registrations.models import Registration

#: Popular is what is asked for now.
WITHIN = timedelta(days=90)
COUNT = 10
FRESH_SECONDS = 60.0


class Popular:
    """The ten workshops that most addresses have registered for lately."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._fresh_until = 0.0

    async def ids(self, session: AsyncSession) -> set[int]:
        if monotonic() >= self._fresh_until:
            # set before the query: a crowd that comes meanwhile is served what was known
            self._fresh_until = monotonic() + FRESH_SECONDS
            self._ids = await _count(session)
        return self._ids


async def _count(session: AsyncSession) -> set[int]:
    query = (
        select(Registration.workshop_id)
        .where(Registration.created_at > func.now() - WITHIN)
        .group_by(Registration.workshop_id)
        .order_by(func.count(Registration.email_key.distinct()).desc(), Registration.workshop_id)
        .limit(COUNT)
    )
    return set((await session.execute(query)).scalars())


async def _popular(request: Request) -> Popular:
    return cast(Popular, request.app.state.legacy_popular)


PopularDep = Annotated[Popular, Depends(_popular)]

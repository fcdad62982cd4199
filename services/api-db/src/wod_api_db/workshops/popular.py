"""Which workshops are popular, counted once a minute: the count reads every registration of the last months."""

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.workshops.popular_repository import Asked, most_asked

#: Popular is what is asked for now.
WITHIN = timedelta(days=90)
COUNT = 10
FRESH_SECONDS = 60.0


class Popular:
    """The ten workshops that most addresses have registered for lately, the most popular first."""

    def __init__(self) -> None:
        self._asked: Sequence[Asked] = ()
        self._fresh_until = 0.0

    async def ids(self, session: AsyncSession) -> set[int]:
        return {asked.id for asked in await self._known(session)}

    async def notebooks(self, session: AsyncSession) -> list[str]:
        return [asked.notebook for asked in await self._known(session)]

    async def _known(self, session: AsyncSession) -> Sequence[Asked]:
        if monotonic() >= self._fresh_until:
            # set before the query: a crowd that comes meanwhile is served what was known
            self._fresh_until = monotonic() + FRESH_SECONDS
            self._asked = await most_asked(session, WITHIN, COUNT)
        return self._asked


async def _popular(request: Request) -> Popular:
    return cast(Popular, request.app.state.popular)


PopularDep = Annotated[Popular, Depends(_popular)]

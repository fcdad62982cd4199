"""Statistics over REST."""

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.db import SessionDep
from wod_api_db.statistics import service
from wod_api_db.statistics.schemas import PublicStatistics, Statistics
from wod_common.commands import WorkshopName
from wod_common.problems import Forbidden, NotFound, Unauthorized, responses

router = APIRouter(prefix="/api/v1/statistics", tags=["statistics"])


@router.get("", responses=responses(Unauthorized, Forbidden, NotFound))
async def show(
    session: SessionDep,
    _: Moderator,
    since: Annotated[datetime | None, Query(description="Without one, 30 days before ``until``")] = None,
    until: Annotated[datetime | None, Query(description="Without one, now; a time without a zone is UTC")] = None,
    workshop: Annotated[WorkshopName | None, Query(description="The workshop's folder name")] = None,
    location: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The location's id")] = None,
) -> Statistics:
    """What was registered within a time and what became of it, with the seats and sessions of now."""
    choice = await service.choose(session, since, until, workshop, location, datetime.now(UTC))
    return await service.statistics(session, choice)


@router.get("/public")
async def show_public(request: Request) -> PublicStatistics:
    """A few figures for everyone, some seconds old at most."""
    cached = cast(service.Cached[PublicStatistics], request.app.state.public_statistics)
    return await cached.get()

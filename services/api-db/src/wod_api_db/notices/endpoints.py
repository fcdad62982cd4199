"""Notices over REST."""

from typing import Annotated

from fastapi import APIRouter, Query

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.db import SessionDep
from wod_api_db.notices import repository
from wod_api_db.notices.models import Notice
from wod_api_db.notices.schemas import EXAMPLE, NoticeRow
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.searching import Wanted
from wod_common.problems import Forbidden, Unauthorized, responses

router = APIRouter(prefix="/api/v1/notices", tags=["notices"])
Kind = Annotated[str | None, Query(max_length=60, pattern=r"^[^\x00]*$")]


@router.get("", responses=page_example(EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_notices(
    session: SessionDep, _: Moderator, position: PositionDep, kind: Kind = None, wanted: Wanted = None
) -> Page[NoticeRow]:
    """What operators have to know of, the latest first."""
    rows, cursor = await page_of(session, repository.listed(kind, wanted), Notice.id, position)
    return Page(items=[NoticeRow.model_validate(row) for row in rows], next=cursor)

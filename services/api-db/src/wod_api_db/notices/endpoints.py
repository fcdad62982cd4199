"""Notices over REST."""

from fastapi import APIRouter
from sqlalchemy import select

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.db import SessionDep
from wod_api_db.notices.models import Notice
from wod_api_db.notices.schemas import EXAMPLE, NoticeRow
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_common.problems import Forbidden, Unauthorized, responses

router = APIRouter(prefix="/api/v1/notices", tags=["notices"])


@router.get("", responses=page_example(EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_notices(session: SessionDep, _: Moderator, position: PositionDep) -> Page[NoticeRow]:
    """What operators have to know of, the latest first."""
    rows, cursor = await page_of(session, select(Notice), Notice.id, position)
    return Page(items=[NoticeRow.model_validate(row) for row in rows], next=cursor)

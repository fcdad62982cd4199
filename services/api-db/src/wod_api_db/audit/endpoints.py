"""What operators did, over REST."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.audit.models import AuditEntry
from wod_api_db.db import SessionDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.searching import Wanted, mentions
from wod_common.problems import Forbidden, Unauthorized, responses

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
Word = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]

EXAMPLE = {
    "id": 12,
    "at": "2026-11-23T10:00:00Z",
    "username": "grace",
    "action": "registration.end",
    "object_type": "registration",
    "object_id": "41",
    "data": {"reason": "asked for by mail"},
}


class AuditView(BaseModel):
    """One act. ``username`` stays when the account is gone."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    username: str
    action: str
    object_type: str
    object_id: str
    data: dict[str, Any]


@router.get("", responses=page_example(EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_acts(
    session: SessionDep,
    _: Moderator,
    position: PositionDep,
    object_type: Word = None,
    object_id: Word = None,
    username: Word = None,
    wanted: Wanted = None,
) -> Page[AuditView]:
    """Who did what to which object, the latest first."""
    query = select(AuditEntry)
    for column, value in (
        (AuditEntry.object_type, object_type),
        (AuditEntry.object_id, object_id),
        (AuditEntry.username, username),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted is not None:
        query = query.where(mentions(wanted, AuditEntry.action, AuditEntry.object_id, AuditEntry.username))
    rows, following = await page_of(session, query, AuditEntry.id, position)
    return Page(items=[AuditView.model_validate(row) for row in rows], next=following)

"""Every registration by itself, for whoever counts elsewhere: nothing in it leads to the person."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.db import SessionDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.operating import Moment
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.statistics import service
from wod_common.commands import WorkshopName
from wod_common.problems import Forbidden, NotFound, Unauthorized, responses

router = APIRouter(prefix="/api/v1/statistics", tags=["statistics"])

_EXAMPLE: dict[str, Any] = {
    "id": 41,
    "state": "ended",
    "workshop": "WKSHP-API101",
    "workshop_name": "API 101",
    "category": ["Open Source"],
    "session_type": "Workshops-on-Demand",
    "location": "Grenoble",
    "class_id": None,
    "created_at": "2026-11-23T10:00:00Z",
    "waiting_since": None,
    "ready_at": "2026-11-23T10:00:12Z",
    "first_login_at": "2026-11-23T10:02:00Z",
    "ended_at": "2026-11-23T12:00:12Z",
    "end_reason": "time",
    "extensions": 0,
    "completion": 80,
    "duration_seconds": 7200,
}


class RegistrationFact(BaseModel):
    """A registration without its person: no name, no address, no company, no text that somebody typed."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: int
    state: RegistrationState
    workshop: str
    workshop_name: str
    category: list[str]
    session_type: str
    location: str | None = Field(description="Null for who has waited in vain")
    class_id: int | None
    created_at: datetime
    waiting_since: datetime | None
    ready_at: datetime | None
    first_login_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    extensions: int
    completion: int | None
    duration_seconds: int


@router.get("/registrations", responses=page_example(_EXAMPLE) | responses(Unauthorized, Forbidden, NotFound))
async def list_facts(
    session: SessionDep,
    _: Moderator,
    position: PositionDep,
    since: Annotated[Moment | None, Query(description="Registered then or later")] = None,
    until: Annotated[Moment | None, Query(description="Registered before")] = None,
    workshop: Annotated[WorkshopName | None, Query(description="The workshop's folder name")] = None,
    location: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The location's id")] = None,
) -> Page[RegistrationFact]:
    """Registrations one by one, the latest first, to be counted elsewhere: without anything of their persons."""
    workshop_id = await service.known(session, workshop, location)
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(Registration.created_at >= since)
    if until is not None:
        conditions.append(Registration.created_at < until)
    if workshop_id is not None:
        conditions.append(Registration.workshop_id == workshop_id)
    if location is not None:
        conditions.append(Registration.location_id == location)
    rows, following = await page_of(session, registrations.whole().where(*conditions), Registration.id, position)
    return Page(items=[_fact(row) for row in rows], next=following)


def _fact(row: Registration) -> RegistrationFact:
    return RegistrationFact(
        id=row.id,
        state=row.state,
        workshop=row.workshop.notebook,
        workshop_name=row.workshop.name,
        category=row.workshop.category,
        session_type=row.workshop.session_type,
        location=row.location.name if row.location else None,
        class_id=row.class_id,
        created_at=row.created_at,
        waiting_since=row.waiting_since,
        ready_at=row.ready_at,
        first_login_at=row.first_login_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        extensions=row.extensions,
        completion=row.known_completion,
        duration_seconds=int(row.duration.total_seconds()),
    )

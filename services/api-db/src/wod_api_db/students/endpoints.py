"""Seats over REST, for operators."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.commands.schemas import CommandView
from wod_api_db.db import SessionDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.searching import Wanted
from wod_api_db.students import repository, service
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_common.problems import Conflict, Forbidden, NotFound, Unauthorized, responses

router = APIRouter(prefix="/api/v1/students", tags=["students"])
StudentId = Annotated[int, Path(ge=0, le=2**31 - 1, description="The seat's global id, not its number")]

EXAMPLE: dict[str, Any] = {
    "id": 1007,
    "location_id": 1,
    "number": 7,
    "username": "student7",
    "state": "assigned",
    "generation": 3,
    "sequence": 1,
    "prepared_version": None,
    "prepared_at": None,
}


class StudentView(BaseModel):
    """A seat; never its password."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [EXAMPLE]})

    id: int
    location_id: int
    number: int
    username: str
    state: StudentState
    generation: int = Field(description="Counts the assignments of the seat")
    sequence: int = Field(description="Counts the commands of the present assignment")
    prepared_version: str | None = Field(description="The content that was, or is being, deployed ahead")
    prepared_at: datetime | None = Field(description="Since when it is ready")


@router.get("", responses=page_example(EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_students(
    session: SessionDep,
    _: Moderator,
    position: PositionDep,
    location: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    state: StudentState | None = None,
    wanted: Wanted = None,
) -> Page[StudentView]:
    """Seats, the highest id first."""
    rows, following = await page_of(session, repository.listed(location, state, wanted), Student.id, position)
    return Page(items=[StudentView.model_validate(row) for row in rows], next=following)


@router.get("/{student_id}", responses=responses(Unauthorized, Forbidden, NotFound))
async def show_student(student_id: StudentId, session: SessionDep, _: Moderator) -> StudentView:
    """One seat."""
    return StudentView.model_validate(await service.get(session, student_id))


@router.post("/{student_id}/verify", status_code=202, responses=responses(Unauthorized, Forbidden, NotFound, Conflict))
async def verify_student(student_id: StudentId, session: SessionDep, moderator: Moderator) -> CommandView:
    """Has a free or ready seat compared with what it should be; GET /api/v1/commands/{id} shows what was found.

    Nobody gets the seat meanwhile, and one that differs is cleaned.
    """
    return CommandView.model_validate(await service.verify(session, moderator, student_id))


@router.post("/{student_id}/clean", responses=responses(Unauthorized, Forbidden, NotFound, Conflict))
async def clean_student(student_id: StudentId, session: SessionDep, moderator: Moderator) -> StudentView:
    """Cleans a broken seat once more, after its cause was mended."""
    return StudentView.model_validate(await service.clean(session, moderator, student_id))

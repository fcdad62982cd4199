"""Seats over REST, for operators."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.db import SessionDep
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_common.problems import Forbidden, Unauthorized, responses

router = APIRouter(prefix="/api/v1/students", tags=["students"])


class StudentView(BaseModel):
    """A seat; never its password."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    location_id: int
    number: int
    username: str
    state: StudentState
    generation: int
    sequence: int


class StudentList(BaseModel):
    items: list[StudentView]


@router.get("", responses=responses(Unauthorized, Forbidden))
async def list_students(session: SessionDep, _: Moderator) -> StudentList:
    rows = (await session.execute(select(Student).order_by(Student.id))).scalars()
    return StudentList(items=[StudentView.model_validate(row) for row in rows])

"""Every query about seats that operators ask for."""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.registrations.models import Registration
from wod_api_db.searching import seat_number
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState


def listed(location_id: int | None, state: StudentState | None, wanted: str | None) -> Select[Any]:
    query = select(Student)
    if wanted is not None:
        query = query.where(Student.number == seat_number(wanted))
    if location_id is not None:
        query = query.where(Student.location_id == location_id)
    return query if state is None else query.where(Student.state == state)


async def read(session: AsyncSession, student_id: int) -> Student | None:
    return (await session.execute(select(Student).where(Student.id == student_id))).scalar_one_or_none()


async def uncleaned(session: AsyncSession, student_id: int) -> int | None:
    """The registration that the seat has not been cleaned of; there is one at most."""
    query = select(Registration.id).where(Registration.student_id == student_id, Registration.cleaned_at.is_(None))
    return (await session.execute(query)).scalar_one_or_none()

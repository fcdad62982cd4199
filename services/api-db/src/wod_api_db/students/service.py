"""What operators do with seats."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations.repository import lock
from wod_api_db.students import repository
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_common.problems import Conflict, NotFound

_WAYS_OUT = {
    StudentState.FREE: "it is clean and free already",
    StudentState.CLEANING: "it is being cleaned; POST /api/v1/commands/{id}/retry sends a command that waits at once",
    StudentState.RESETTING: "it is being reset; POST /api/v1/commands/{id}/retry sends a command that waits at once",
}
_IN_USE = "somebody has it; end the registration first, with POST /api/v1/registrations/by-id/{id}/end"


async def get(session: AsyncSession, student_id: int) -> Student:
    """Raises NotFound."""
    student = await repository.read(session, student_id)
    if student is None:
        raise NotFound(f"no student has the id {student_id}; GET /api/v1/students lists them")
    return student


async def clean(session: AsyncSession, claims: Claims, student_id: int) -> Student:
    """A broken seat is cleaned once more. Raises NotFound, and Conflict for a seat that is not broken."""
    student = await get(session, student_id)
    registration_id = await repository.uncleaned(session, student_id)
    registration = await lock(session, registration_id) if registration_id is not None else None
    if registration is not None:  # its row is ours now: the seat stays as it is
        await session.refresh(student)
    if student.state is not StudentState.BROKEN:
        way_out = _WAYS_OUT.get(student.state, _IN_USE)
        raise Conflict(f"seat {student_id} ({student.username}) is {student.state}: {way_out}")
    if registration is None or registration.cleaned_at is not None:
        raise Conflict(f"seat {student_id} ({student.username}) is broken, but nobody was in it since it was cleaned")
    await lifecycle.clean(session, registration)
    await session.flush()
    await record(session, claims, "student.clean", "student", student_id, registration=registration.id)
    return student

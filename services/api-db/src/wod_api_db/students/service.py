"""What operators do with seats."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.commands.models import CommandRow
from wod_api_db.ready import repository as ready
from wod_api_db.ready import seats
from wod_api_db.ready.repository import lock_seat
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
        await _clean_nobodys(session, student)
    else:
        await lifecycle.clean(session, registration)
    await session.flush()
    holder = registration.id if registration else None
    await record(session, claims, "student.clean", "student", student_id, registration=holder)
    return student


async def _clean_nobodys(session: AsyncSession, student: Student) -> None:
    """A seat that could not be made ahead, or not be cleaned of it. Raises Conflict."""
    await lock_seat(session, student.id)
    workshop = await ready.last_workshop(session, student)
    if student.state is not StudentState.BROKEN or workshop is None:
        raise Conflict(f"seat {student.id} ({student.username}) is {student.state}: it has never had a command")
    await seats.clean(session, student, workshop)


async def verify(session: AsyncSession, claims: Claims, student_id: int) -> CommandRow:
    """A free or ready seat is looked at. Raises NotFound, and Conflict for any other seat."""
    await get(session, student_id)
    student = await lock_seat(session, student_id)
    if student.state not in {StudentState.FREE, StudentState.READY}:
        raise Conflict(
            f"seat {student_id} ({student.username}) is {student.state}: only a free or a ready seat can be verified"
        )
    workshop = await ready.workshop_of_range(session, student)
    if workshop is None or not await ready.reports_alive(session, student.location_id):
        raise Conflict(
            f"seat {student_id} ({student.username}) cannot be verified: it is in no workshop's range, or the agent of "
            f"location {student.location_id} sends no heartbeats"
        )
    command = await seats.verify(session, student, workshop)
    await record(session, claims, "student.verify", "student", student_id, command=str(command.id))
    return command

"""Gives a seat its next command, in the transaction that gives the reason for it."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.commands import repository
from wod_api_db.commands.models import CommandRow
from wod_api_db.db import Job, enqueue, now
from wod_api_db.registrations.models import Registration
from wod_api_db.states import COMMAND
from wod_api_db.students.models import Student
from wod_common.commands import CommandState, Verb

SEND_COMMAND = "send-command"


async def issue(
    session: AsyncSession,
    registration: Registration,
    verb: Verb,
    *,
    delay: timedelta = timedelta(),
    seats: tuple[int, int] | None = None,
) -> None:
    """The seat's next command in sequence; with a ``delay`` the sweep sends it when it is due.

    ``seats`` makes it a RESET of that range, first and last number.
    """
    student = registration.student
    assert student is not None
    student.sequence += 1
    command = CommandRow(
        id=uuid4(),
        registration_id=registration.id,
        student_id=student.id,
        location_id=registration.location_id,
        verb=verb,
        workshop=registration.workshop.notebook,
        generation=student.generation,
        sequence=student.sequence,
        first_student=seats[0] if seats else None,
        last_student=seats[1] if seats else None,
        state=CommandState.QUEUED,
        due_at=now + delay,
    )
    await _queue(session, command, at_once=not delay)


async def issue_for_seat(
    session: AsyncSession, student: Student, verb: Verb, workshop: str, *, delay: timedelta = timedelta()
) -> CommandRow:
    """The next command of a seat that no registration holds, its row locked."""
    student.sequence += 1
    command = CommandRow(
        id=uuid4(),
        student_id=student.id,
        location_id=student.location_id,
        verb=verb,
        workshop=workshop,
        generation=student.generation,
        sequence=student.sequence,
        state=CommandState.QUEUED,
        due_at=now + delay,
    )
    await _queue(session, command, at_once=not delay)
    return command


async def _queue(session: AsyncSession, command: CommandRow, *, at_once: bool) -> None:
    session.add(command)
    await session.flush()
    if at_once:
        await enqueue(session, Job(SEND_COMMAND, command.id))


async def supersede(session: AsyncSession, registration: Registration) -> None:
    """The seat's outstanding command counts no more: what the agent still reports of it is a late report."""
    assert registration.student_id is not None
    await supersede_for_seat(session, registration.student_id)


async def supersede_for_seat(session: AsyncSession, student_id: int) -> None:
    """As ``supersede``, whoever the seat's command is for."""
    command = await repository.outstanding(session, student_id)
    if command is not None:
        command.state = COMMAND.check(command.state, CommandState.SUPERSEDED)
        command.finished_at = now
        await session.flush()

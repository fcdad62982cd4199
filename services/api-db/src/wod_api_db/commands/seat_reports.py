"""What an agent reports of a command that no registration has asked for."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.commands import repository
from wod_api_db.commands.models import CommandRow
from wod_api_db.db import now
from wod_api_db.ready import seats
from wod_api_db.ready.repository import lock_seat
from wod_api_db.settings import Settings
from wod_api_db.states import COMMAND, OUTSTANDING
from wod_api_db.students.models import Student
from wod_common.commands import CommandState
from wod_common.events import QUEUED_STEP, CommandEvent, EventType


async def take(session: AsyncSession, settings: Settings, command_id: UUID, event: CommandEvent) -> CommandState:
    """Where the command stands afterwards."""
    student, command = await lock(session, command_id)
    stored = event.model_dump(mode="json", exclude={"password"}, exclude_none=True)
    new = await repository.store_event(session, command_id, event.number, stored)
    if new and command.state in OUTSTANDING:
        await _apply(session, settings, student, command, event)
    return command.state


async def lock(session: AsyncSession, command_id: UUID) -> tuple[Student, CommandRow]:
    """The seat's row first, as everywhere."""
    student = await lock_seat(session, await repository.student_of(session, command_id))
    return student, await repository.lock(session, command_id)


async def _apply(
    session: AsyncSession, settings: Settings, student: Student, command: CommandRow, event: CommandEvent
) -> None:
    if event.type is EventType.DONE:
        await _finish(session, command, CommandState.DONE)
        await seats.command_done(session, student, command, event)
    elif event.type in {EventType.FAILED, EventType.SUPERSEDED}:
        await fail_command(session, student, command, event.error or "the agent holds a newer command for this seat")
    else:
        _goes_on(command, event)
        command.due_at = now + settings.silence_limit
        await session.flush()


def _goes_on(command: CommandRow, event: CommandEvent) -> None:
    if event.type is EventType.ACCEPTED:
        if COMMAND.may(command.state, CommandState.ACCEPTED):
            command.state = CommandState.ACCEPTED
            command.accepted_at = now
    elif event.step != QUEUED_STEP and COMMAND.may(command.state, CommandState.RUNNING):
        command.state = CommandState.RUNNING


async def _finish(session: AsyncSession, command: CommandRow, state: CommandState, error: str | None = None) -> None:
    command.state = COMMAND.check(command.state, state)
    command.finished_at = now
    command.error = error
    await session.flush()


async def fail_command(session: AsyncSession, student: Student, command: CommandRow, error: str) -> None:
    """The outstanding command is given up, by its agent or by us."""
    await _finish(session, command, CommandState.FAILED, error)
    await seats.command_failed(session, student, command, error)

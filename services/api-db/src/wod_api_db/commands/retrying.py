"""An operator has a command sent at once instead of when it is due."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.commands import repository
from wod_api_db.commands.issuing import SEND_COMMAND
from wod_api_db.commands.models import CommandRow
from wod_api_db.db import Job, enqueue, now
from wod_api_db.ready.repository import lock_seat
from wod_api_db.registrations import repository as registrations
from wod_api_db.states import OUTSTANDING
from wod_common.problems import Conflict, NotFound


async def get(session: AsyncSession, command_id: UUID) -> CommandRow:
    """Raises NotFound."""
    command = await repository.read(session, command_id)
    if command is None:
        raise NotFound(f"no command has the id {command_id}; GET /api/v1/commands lists them")
    return command


async def retry(session: AsyncSession, claims: Claims, command_id: UUID) -> CommandRow:
    """One that the agent has already is sent again under the same id: the agent answers it and does nothing twice.

    Raises NotFound, and Conflict for a command that is settled.
    """
    found = await get(session, command_id)
    if found.registration_id is None:
        await lock_seat(session, found.student_id)
    else:
        await registrations.lock(session, found.registration_id)
    command = await repository.lock(session, command_id)
    if command.state not in OUTSTANDING:
        raise Conflict(
            f"command {command_id} is {command.state} and is not sent any more; "
            "POST /api/v1/students/{id}/clean cleans a broken seat again"
        )
    command.due_at = now
    await session.flush()
    await session.refresh(command, ["due_at"])
    await enqueue(session, Job(SEND_COMMAND, command.id, command.attempts))
    await record(
        session, claims, "command.retry", "command", command_id, state=command.state, attempts=command.attempts
    )
    return command

"""What an agent reports of a command, taken once and turned into what follows from it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.commands import repository, seat_reports
from wod_api_db.commands.models import CommandRow
from wod_api_db.db import now
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings
from wod_api_db.states import COMMAND, OUTSTANDING
from wod_common.commands import CommandState, Verb
from wod_common.events import QUEUED_STEP, CommandEvent, EventType
from wod_common.problems import Forbidden, NotFound


async def take(
    session: AsyncSession, settings: Settings, location_id: int, command_id: UUID, event: CommandEvent
) -> CommandState:
    """Where the command stands afterwards. Raises NotFound, and Forbidden for another location's command."""
    owner = await repository.registration_of(session, command_id)
    if owner is None:
        raise NotFound(f"no command has the id {command_id}")
    registration_id, of_location = owner
    if of_location != location_id:
        raise Forbidden(f"command {command_id} is not of location {location_id}, which this account reports for")
    if registration_id is None:
        return await seat_reports.take(session, settings, command_id, event)
    registration = await registrations.lock(session, registration_id)
    assert registration is not None
    command = await repository.lock(session, command_id)
    stored = event.model_dump(mode="json", exclude={"password"}, exclude_none=True)
    if await repository.store_event(session, command_id, event.number, stored):
        await _apply(session, settings, registration, command, event)
    return command.state


async def _apply(
    session: AsyncSession, settings: Settings, registration: Registration, command: CommandRow, event: CommandEvent
) -> None:
    if event.type is EventType.PROGRESS:
        await _progress(session, settings, registration, command, event)
    elif command.state not in OUTSTANDING:
        # the seat has moved on: the report is remembered, its password is not
        await lifecycle.tell(session, registration, "late-report", verb=command.verb, report=event.type)
    elif event.type is EventType.ACCEPTED:
        await _accepted(session, settings, registration, command)
    elif event.type is EventType.DONE:
        password = event.password.get_secret_value() if event.password else None
        await done(session, settings, registration, command, password=password, completion=event.completion)
    else:
        error = event.error or "the agent holds a newer command for this seat"
        await fail_command(session, registration, command, error)


async def done(
    session: AsyncSession,
    settings: Settings,
    registration: Registration,
    command: CommandRow,
    *,
    password: str | None = None,
    completion: int | None = None,
) -> None:
    """The seat's outstanding command has ended well, whoever reports it."""
    await _finish(session, command, CommandState.DONE)
    await lifecycle.command_done(
        session,
        registration,
        command.verb,
        settings,
        password,
        completion,
        whole_range=command.last_student is not None,
    )


async def _accepted(session: AsyncSession, settings: Settings, registration: Registration, command: CommandRow) -> None:
    if COMMAND.may(command.state, CommandState.ACCEPTED):
        command.state = CommandState.ACCEPTED
        command.accepted_at = now
    command.due_at = now + settings.silence_limit
    await session.flush()
    if command.verb is Verb.CREATE:
        await lifecycle.deploying(session, registration, settings)
    await lifecycle.tell(session, registration, "accepted", verb=command.verb)


async def _progress(
    session: AsyncSession, settings: Settings, registration: Registration, command: CommandRow, event: CommandEvent
) -> None:
    queued = event.step == QUEUED_STEP
    if not queued and COMMAND.may(command.state, CommandState.RUNNING):
        command.state = CommandState.RUNNING
    command.due_at = now + settings.silence_limit
    await session.flush()
    if command.verb is Verb.CREATE and command.state in OUTSTANDING:
        await lifecycle.deployment_goes_on(session, registration, settings, queued=queued)
    shown = event.model_dump(mode="json", include={"step", "percent", "message", "seconds"}, exclude_none=True)
    await lifecycle.tell(session, registration, "progress", verb=command.verb, **shown)


async def _finish(session: AsyncSession, command: CommandRow, state: CommandState, error: str | None = None) -> None:
    command.state = COMMAND.check(command.state, state)
    command.finished_at = now
    command.error = error
    await session.flush()


async def fail_command(session: AsyncSession, registration: Registration, command: CommandRow, error: str) -> None:
    """The outstanding command is given up, by its agent or by us."""
    await _finish(session, command, CommandState.FAILED, error)
    await lifecycle.command_failed(
        session, registration, command.verb, error, whole_range=command.last_student is not None
    )

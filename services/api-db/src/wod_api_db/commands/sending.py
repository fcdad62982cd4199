"""Sends a command to its location: claim, speak to it, record; no transaction is open while the network is."""

from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.commands import repository, seat_reports
from wod_api_db.commands.models import CommandRow
from wod_api_db.commands.reports import fail_command
from wod_api_db.commands.transports import (
    AgentAccess,
    CommandTransport,
    Dispatch,
    PermanentSendingFailure,
    RestTransport,
    SmtpTransport,
    TemporarySendingFailure,
)
from wod_api_db.db import now
from wod_api_db.locations.models import Location, Transport
from wod_api_db.mail.sending import Relay, SmtpRelay
from wod_api_db.ready.repository import first_seat_ahead, lock_seat
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings, gap
from wod_api_db.states import COMMAND, OUTSTANDING
from wod_api_db.students.models import Student
from wod_common.commands import Command, CommandState

log = structlog.get_logger(__name__)


class CommandSender:
    """The worker's job ``send-command``. ``relay_to`` makes the way to a gate."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self._sessions = sessions
        self._settings = settings
        self._by_mail = SmtpTransport(settings, self.relay_to)
        self._by_rest = RestTransport(settings)

    def relay_to(self, host: str, port: int) -> Relay:
        its = self._settings
        return SmtpRelay(host, port, its.gate_username, its.gate_password, its.gate_tls)

    async def send(self, command_id: UUID) -> None:
        """Nothing happens where the command is not due: another worker has it, or it is settled."""
        dispatch = await self._claim(command_id)
        if dispatch is None:
            return
        with structlog.contextvars.bound_contextvars(trace=dispatch.command.trace):
            await self._send(dispatch)

    async def _send(self, dispatch: Dispatch) -> None:
        transport: CommandTransport = self._by_rest if dispatch.agent else self._by_mail
        failure: TemporarySendingFailure | PermanentSendingFailure | None = None
        try:
            await transport.send(dispatch)
        except (TemporarySendingFailure, PermanentSendingFailure) as error:
            failure = error
        await self._record(dispatch, failure)

    async def _claim(self, command_id: UUID) -> Dispatch | None:
        async with self._sessions.begin() as session:
            row = await repository.claim(session, command_id, self._settings.lease)
            if row is None:
                return None
            registration = await _registration(session, row)
            return Dispatch(
                command=_wire(row, await _first_seat(session, row, registration), registration),
                attempts=row.attempts,
                registration_id=row.registration_id,
                recipient=row.location.command_address,
                email=registration.email if registration else "",
                host=row.location.gate_host,
                port=row.location.gate_port,
                agent=_agent_access(row.location),
            )

    async def _record(
        self, dispatch: Dispatch, failure: TemporarySendingFailure | PermanentSendingFailure | None
    ) -> None:
        async with self._sessions.begin() as session:
            holder = await _lock_holder(session, dispatch)
            row = await repository.lock(session, dispatch.command.id)
            if row.state not in OUTSTANDING:
                return
            if failure is None:
                await self._sent(session, row, holder)
            elif isinstance(failure, PermanentSendingFailure) or dispatch.attempts >= self._settings.attempts_limit:
                await _give_up(session, row, holder, str(failure))
            else:
                row.error = str(failure)
                row.due_at = now + gap(dispatch.attempts)
                log.warning("command not sent", command=str(row.id), attempts=row.attempts, reason=str(failure))

    async def _sent(self, session: AsyncSession, row: CommandRow, holder: Registration | Student) -> None:
        row.sent_at = now
        row.error = None
        # an original back end never says that it has accepted, and a CREATE sent again changes its seat's password
        confirms = isinstance(holder, Student) or holder.place.last_heartbeat_at is not None
        if COMMAND.may(row.state, CommandState.SENT):
            row.state = CommandState.SENT
            row.due_at = now + (self._settings.confirmation_limit if confirms else self._settings.silence_limit)
        else:  # the agent's report was quicker than the answer to the sending
            row.due_at = now + self._settings.silence_limit
        await session.flush()
        log.info("command sent", command=str(row.id), verb=row.verb, attempts=row.attempts)
        if isinstance(holder, Registration):
            await lifecycle.tell(session, holder, "command-sent", verb=row.verb)


async def _lock_holder(session: AsyncSession, dispatch: Dispatch) -> Registration | Student:
    """The row to be locked before the command's: of a registration's command its own, else the seat's."""
    if dispatch.registration_id is None:
        return await lock_seat(session, await repository.student_of(session, dispatch.command.id))
    registration = await registrations.lock(session, dispatch.registration_id)
    assert registration is not None
    return registration


async def _give_up(session: AsyncSession, row: CommandRow, holder: Registration | Student, reason: str) -> None:
    if isinstance(holder, Student):
        await seat_reports.fail_command(session, holder, row, reason)
    else:
        await fail_command(session, holder, row, reason)


async def _registration(session: AsyncSession, row: CommandRow) -> Registration | None:
    return await registrations.read(session, row.registration_id) if row.registration_id is not None else None


def _agent_access(location: Location) -> AgentAccess | None:
    """None where commands go by mail."""
    if location.transport is not Transport.REST:
        return None
    return AgentAccess(location.agent_url, location.sealed_agent_token or "")


async def _first_seat(session: AsyncSession, row: CommandRow, registration: Registration | None) -> int | None:
    """Of the range that its registration was taken for, or that the seat is made ahead for."""
    if row.registration_id is None:
        return await first_seat_ahead(session, row.student_id)
    return registration.range_first if registration else None


def _wire(row: CommandRow, first_seat: int | None, registration: Registration | None) -> Command:
    return Command(
        id=row.id,
        verb=row.verb,
        location=row.location_id,
        student=row.first_student or row.student.number,
        last=row.last_student,
        registration=row.registration_id,
        workshop=row.workshop,
        generation=row.generation,
        sequence=row.sequence,
        first_seat=first_seat,
        # what nobody has clicked for can still be followed from here on
        trace=(registration and registration.trace) or row.id.hex,
    )

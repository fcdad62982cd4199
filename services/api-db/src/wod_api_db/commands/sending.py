"""Sends a command to its location's gate: claim, speak SMTP, record; no transaction is open while the network is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.commands import repository
from wod_api_db.commands.models import CommandRow
from wod_api_db.commands.reports import fail_command
from wod_api_db.db import now
from wod_api_db.mail.sending import PermanentMailFailure, Relay, SmtpRelay, TemporaryMailFailure
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.settings import Settings, gap
from wod_api_db.states import COMMAND, OUTSTANDING
from wod_common.commands import Command, CommandState, Verb
from wod_common.tokens import TOKEN_HEADER

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Dispatch:
    """A claimed command, free of the database."""

    command: Command
    attempts: int
    registration_id: int
    recipient: str
    email: str
    host: str
    port: int


def build_mail(dispatch: Dispatch, settings: Settings) -> EmailMessage:
    """The command as a mail with a token of this minute; CREATE alone names the person's address."""
    command = dispatch.command
    seats = f"{command.student},{command.last}" if command.last else str(command.student)
    words = [command.verb, seats, str(command.registration)]
    if command.verb is Verb.CREATE and dispatch.email.isascii():
        words.append(dispatch.email)
    mail = EmailMessage(policy=SMTP.clone(max_line_length=998))
    mail["From"] = settings.mail_sender
    mail["To"] = dispatch.recipient
    mail["Subject"] = " ".join(words)
    mail["Message-ID"] = f"<{command.id}@workshops-on-demand>"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Auto-Submitted"] = "auto-generated"
    mail[TOKEN_HEADER] = settings.signer.sign(command)
    mail.set_content(f"{command.workshop}\n")
    return mail


class CommandSender:
    """The worker's job ``send-command``. ``relay_to`` makes the way to a gate."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self._sessions = sessions
        self._settings = settings

    def relay_to(self, host: str, port: int) -> Relay:
        return SmtpRelay(host=host, port=port)

    async def send(self, command_id: UUID) -> None:
        """Nothing happens where the command is not due: another worker has it, or it is settled."""
        dispatch = await self._claim(command_id)
        if dispatch is None:
            return
        mail = build_mail(dispatch, self._settings)
        failure: TemporaryMailFailure | PermanentMailFailure | None = None
        try:
            relay = self.relay_to(dispatch.host, dispatch.port)
            await relay.send(mail, self._settings.mail_sender, dispatch.recipient)
        except (TemporaryMailFailure, PermanentMailFailure) as error:
            failure = error
        await self._record(dispatch, failure)

    async def _claim(self, command_id: UUID) -> Dispatch | None:
        async with self._sessions.begin() as session:
            row = await repository.claim(session, command_id, self._settings.lease)
            if row is None:
                return None
            registration = await registrations.read(session, row.registration_id)
            assert registration is not None
            return Dispatch(
                command=_wire(row),
                attempts=row.attempts,
                registration_id=row.registration_id,
                recipient=row.location.command_address,
                email=registration.email,
                host=row.location.gate_host,
                port=row.location.gate_port,
            )

    async def _record(self, dispatch: Dispatch, failure: TemporaryMailFailure | PermanentMailFailure | None) -> None:
        async with self._sessions.begin() as session:
            registration = await registrations.lock(session, dispatch.registration_id)
            assert registration is not None
            row = await repository.lock(session, dispatch.command.id)
            if row.state not in OUTSTANDING:
                return
            if failure is None:
                await self._sent(session, row)
                await lifecycle.tell(session, registration, "command-sent", verb=row.verb)
            elif isinstance(failure, PermanentMailFailure) or dispatch.attempts >= self._settings.attempts_limit:
                await fail_command(session, registration, row, f"the gate of the location did not take it: {failure}")
            else:
                row.error = str(failure)
                row.due_at = now + gap(dispatch.attempts)
                log.warning("command not sent", command=str(row.id), attempts=row.attempts, reason=str(failure))

    async def _sent(self, session: AsyncSession, row: CommandRow) -> None:
        row.sent_at = now
        row.error = None
        if COMMAND.may(row.state, CommandState.SENT):
            row.state = CommandState.SENT
            row.due_at = now + self._settings.confirmation_limit
        else:  # the agent's report was quicker than the gate's 250
            row.due_at = now + self._settings.silence_limit
        await session.flush()


def _wire(row: CommandRow) -> Command:
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
    )

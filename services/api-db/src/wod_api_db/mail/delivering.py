"""Sends a mail row: claim, speak SMTP, record; no transaction is open while the network is."""

from dataclasses import dataclass
from email.message import EmailMessage
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.db import Job, now
from wod_api_db.mail.models import Mail
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.mail.rendering import render
from wod_api_db.mail.sending import PermanentMailFailure, Relay, TemporaryMailFailure
from wod_api_db.mail.states import MailState
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.views import mail_context
from wod_api_db.settings import Settings, gap
from wod_api_db.states import MAIL

log = structlog.get_logger(__name__)

_OPEN = (MailState.QUEUED, MailState.SENDING)
DUE = Mail.state.in_(_OPEN) & (Mail.due_at <= func.now())


@dataclass(frozen=True)
class _Letter:
    """A claimed mail, free of the database."""

    id: UUID
    registration_id: int
    attempts: int
    recipient: str
    message: EmailMessage


class MailSender:
    """The worker's job ``send-mail``."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings, relay: Relay) -> None:
        self._sessions = sessions
        self._settings = settings
        self._relay = relay

    async def send(self, mail_id: UUID) -> None:
        """Nothing happens where the mail is not due: another worker has it, or it is settled."""
        letter = await self._claim(mail_id)
        if letter is None:
            return
        failure: TemporaryMailFailure | PermanentMailFailure | None = None
        try:
            await self._relay.send(letter.message, self._settings.mail_sender, letter.recipient)
        except (TemporaryMailFailure, PermanentMailFailure) as error:
            failure = error
        await self._record(letter, failure)

    async def _claim(self, mail_id: UUID) -> _Letter | None:
        async with self._sessions.begin() as session:
            statement = (
                update(Mail)
                .where(Mail.id == mail_id, Mail.state.in_(_OPEN), Mail.due_at <= func.now())
                .values(state=MailState.SENDING, attempts=Mail.attempts + 1, due_at=func.now() + self._settings.lease)
                .returning(Mail)
            )
            mail = (await session.execute(statement)).scalar_one_or_none()
            if mail is None:
                return None
            assert mail.registration_id is not None
            registration = await registrations.read(session, mail.registration_id)
            assert registration is not None
            context = mail_context(registration, self._settings, mail.template)
            if context is None:
                mail.state = MailState.FAILED
                mail.error = "withheld: the seat was taken back before the mail left"
                return None
            message = render(
                mail.template,
                context,
                recipient=mail.recipient,
                message_id=mail.message_id,
                date=mail.created_at,
                sender=self._settings.mail_sender,
            )
            return _Letter(mail.id, registration.id, mail.attempts, mail.recipient, message)

    async def _record(self, letter: _Letter, failure: TemporaryMailFailure | PermanentMailFailure | None) -> None:
        async with self._sessions.begin() as session:
            registration = await registrations.lock(session, letter.registration_id)
            assert registration is not None
            mail = (await session.execute(select(Mail).where(Mail.id == letter.id).with_for_update())).scalar_one()
            if mail.state is not MailState.SENDING:
                return
            if failure is None:
                mail.state = MAIL.check(mail.state, MailState.SENT)
                mail.sent_at = now
                mail.error = None
                await session.flush()
                await lifecycle.tell(session, registration, "mail-sent", template=mail.template)
                if mail.template == "credentials":
                    await lifecycle.start_clock(session, registration)
            elif isinstance(failure, PermanentMailFailure) or letter.attempts >= self._settings.attempts_limit:
                mail.state = MAIL.check(mail.state, MailState.FAILED)
                mail.error = str(failure)
                await lifecycle.tell(session, registration, "mail-failed", template=mail.template)
                log.error("mail given up", mail=str(mail.id), template=mail.template, reason=str(failure))
            else:
                mail.state = MAIL.check(mail.state, MailState.QUEUED)
                mail.error = str(failure)
                mail.due_at = now + gap(letter.attempts)
                log.warning("mail not sent", mail=str(mail.id), attempts=mail.attempts, reason=str(failure))


async def due(session: AsyncSession, limit: int = 50) -> list[Job]:
    """Mails to be sent, or sent again."""
    query = select(Mail.id, Mail.attempts).where(DUE).order_by(Mail.due_at).limit(limit)
    return [Job(SEND_MAIL, identity, attempts) for identity, attempts in await session.execute(query)]

"""Sends a mail row: claim, speak SMTP, record; no transaction is open while the network is."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.db import Job, enqueue, now
from wod_api_db.mail import repository
from wod_api_db.mail.calendar import entry_of
from wod_api_db.mail.class_contexts import Withheld
from wod_api_db.mail.contexts import context_of
from wod_api_db.mail.models import Mail
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.mail.rendering import one_line, render
from wod_api_db.mail.sending import PermanentMailFailure, Relay, TemporaryMailFailure
from wod_api_db.mail.states import MailState
from wod_api_db.notices.service import notify
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings, gap
from wod_api_db.states import MAIL

log = structlog.get_logger(__name__)

#: Of what a server says about a mail; the rest of a longer answer says the same again.
LONGEST_REPLY = 500
_Failure = TemporaryMailFailure | PermanentMailFailure


@dataclass(frozen=True)
class _Letter:
    """A claimed mail, free of the database."""

    id: UUID
    registration_id: int | None
    attempts: int
    recipient: str
    message: EmailMessage
    trace: str | None


class MailSender:
    """The worker's job ``send-mail``."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings, relay: Relay) -> None:
        self._sessions = sessions
        self._settings = settings
        self._relay = relay

    async def send(self, mail_id: UUID) -> None:
        """Nothing happens where the mail may not leave now: another worker has it, an earlier one of its registration
        is still to leave, or it is settled."""
        letter = await self._claim(mail_id)
        if letter is None:
            return
        with structlog.contextvars.bound_contextvars(trace=letter.trace):
            await self._send(letter)

    async def _send(self, letter: _Letter) -> None:
        failure: _Failure | None = None
        try:
            await self._relay.send(letter.message, self._settings.mail_sender, letter.recipient)
        except (TemporaryMailFailure, PermanentMailFailure) as error:
            failure = error
        await self._record(letter, failure)

    async def _claim(self, mail_id: UUID) -> _Letter | None:
        async with self._sessions.begin() as session:
            mail = await repository.claim(session, mail_id, self._settings.lease)
            if mail is None:
                return None
            try:
                message = await self._message(session, mail)
            except Withheld as reason:
                mail.state = MAIL.check(mail.state, MailState.WITHHELD)
                mail.error = f"withheld: {reason}"
                await _let_the_next_leave(session, mail)
                return None
            trace = await registrations.trace_of(session, mail.registration_id)
            return _Letter(mail.id, mail.registration_id, mail.attempts, mail.recipient, message, trace)

    async def _message(self, session: AsyncSession, mail: Mail) -> EmailMessage:
        """Raises Withheld."""
        context = await context_of(session, mail, self._settings)
        return render(
            mail.template,
            context,
            recipient=mail.recipient,
            message_id=mail.message_id,
            date=mail.created_at,
            sender=self._settings.mail_sender,
            calendar=entry_of(mail.template, context, mail.created_at),
        )

    async def _record(self, letter: _Letter, failure: _Failure | None) -> None:
        async with self._sessions.begin() as session:
            registration = None
            if letter.registration_id is not None:
                registration = await registrations.lock(session, letter.registration_id)
            mail = await repository.lock(session, letter.id)
            if mail.state is not MailState.SENDING:
                return
            if failure is None:
                await _sent(session, mail, registration)
            elif isinstance(failure, PermanentMailFailure) or letter.attempts >= self._settings.attempts_limit:
                await _given_up(session, mail, registration, failure)
            else:
                mail.state = MAIL.check(mail.state, MailState.QUEUED)
                mail.error = reply_of(str(failure))
                mail.due_at = now + gap(letter.attempts)
                log.warning("mail not sent", mail=str(mail.id), attempts=mail.attempts, reason=mail.error)
            await _let_the_next_leave(session, mail)


def reply_of(text: str) -> str:
    """What a server said, on one line that PostgreSQL and a page can hold."""
    return one_line(text)[:LONGEST_REPLY]


async def _sent(session: AsyncSession, mail: Mail, registration: Registration | None) -> None:
    mail.state = MAIL.check(mail.state, MailState.SENT)
    mail.sent_at = now
    mail.error = None
    await session.flush()
    log.info("mail sent", mail=str(mail.id), template=mail.template)
    if registration is None:
        return
    await lifecycle.tell(session, registration, "mail-sent", template=mail.template)
    if mail.template == "credentials":
        await lifecycle.start_clock(session, registration)


async def _given_up(session: AsyncSession, mail: Mail, registration: Registration | None, failure: _Failure) -> None:
    mail.state = MAIL.check(mail.state, MailState.FAILED)
    mail.error = reply_of(str(failure))
    await session.flush()
    await report_loss(session, mail, registration, "mail-failed", "was not taken")


async def report_loss(
    session: AsyncSession, mail: Mail, registration: Registration | None, kind: str, what: str
) -> None:
    """Into the story and to the operator. ``mail.error`` says why.

    A lost mail to the operator is logged only: a notice of it would go the same way, for ever.
    """
    log.error(kind, mail=str(mail.id), template=mail.template, attempts=mail.attempts)
    if registration is None:
        return
    await lifecycle.tell(session, registration, kind, template=mail.template)
    why = (mail.error or "").replace(mail.recipient, "<the address>")
    await notify(
        session,
        kind,
        f"The mail {mail.template} of registration {registration.id} {what}: {why}. The person's page says so. "
        f"When the cause is mended, send it again: POST /api/v1/mails/{mail.id}/resend.",
        location_id=registration.location_id,
        registration_id=registration.id,
    )


async def _let_the_next_leave(session: AsyncSession, mail: Mail) -> None:
    """The registration's next mail may have waited for this one."""
    if mail.registration_id is None:
        return
    await session.flush()
    await enqueue(session, *_jobs(await repository.following(session, mail.registration_id)))


async def due(session: AsyncSession) -> list[Job]:
    """Mails to be sent, or sent again."""
    return _jobs(await repository.due(session))


def _jobs(mails: Sequence[tuple[UUID, int]]) -> list[Job]:
    return [Job(SEND_MAIL, identity, attempts) for identity, attempts in mails]

"""What aiosmtpd asks the gate about a conversation; the names are its own."""

import asyncio
import hmac
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from wod_mailgate.intake import Intake
from wod_mailgate.replies import Code, reply

RECIPIENTS = 5


@dataclass(frozen=True)
class Login:
    username: str
    password: SecretStr

    def is_met_by(self, given: LoginPassword) -> bool:
        """In the same time whatever is wrong."""
        name = hmac.compare_digest(given.login, self.username.encode())
        return hmac.compare_digest(given.password, self.password.get_secret_value().encode()) and name


@dataclass(eq=False)
class Heard:
    """A mail that a listed peer has sent whole; ``spooling`` answers for one that does not listen."""

    raw: bytes
    recipient: str
    spooling: asyncio.Task[str] | None = None


class Conversation(Protocol):
    deciding: bool
    heard: list[Heard]


@dataclass(frozen=True)
class Place:
    """A location and whom its mails are addressed to: a local part at any domain, or a full address."""

    recipient: str
    intake: Intake

    def takes(self, address: str) -> bool:
        wanted = address if "@" in self.recipient else address.partition("@")[0]
        return wanted.lower() == self.recipient.lower()


class Hooks:
    """``login`` is what strangers log in with; None asks for none, and offers none."""

    def __init__(self, places: Sequence[Place], login: Login | None = None) -> None:
        self._places = places
        #: peers and their refusals are the same for every place
        self.intake = places[0].intake
        self.login = login
        self._deciding = 0
        self._spooling: set[asyncio.Task[str]] = set()
        #: no mail is being decided
        self.idle = asyncio.Event()
        self.idle.set()

    def is_recipient(self, address: str) -> bool:
        return self._place(address) is not None

    def _place(self, address: str) -> Place | None:
        return next((place for place in self._places if place.takes(address)), None)

    def _intake(self, address: str) -> Intake:
        place = self._place(address)
        assert place is not None, "no mail comes so far without a recipient of this gate"
        return place.intake

    def authenticate(self, _: SMTP, session: Session, __: Envelope, ___: str, given: object) -> AuthResult:
        """aiosmtpd asks it of a client that logs in."""
        if self.login is not None and isinstance(given, LoginPassword) and self.login.is_met_by(given):
            return AuthResult(success=True)
        self.intake.note_refusal(_peer(session), Code.WRONG_LOGIN, "wrong user name or password")
        # handled=True would leave the client without an answer
        return AuthResult(success=False, handled=False)

    def spool(self, heard: Heard, peer: str) -> None:
        """Goes on whatever becomes of the connection."""
        heard.spooling = asyncio.create_task(
            self._decided(self._intake(heard.recipient).decide(heard.raw, peer, deaf=True))
        )
        self._spooling.add(heard.spooling)
        heard.spooling.add_done_callback(self._spooling.discard)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, __: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in lines if self.login is not None or not line.startswith("250-AUTH")]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        if not self.is_recipient(address):
            text = "no such recipient: this gate takes commands for its admin user only"
            self.intake.note_refusal(_peer(session), Code.NO_SUCH_RECIPIENT, text)
            return reply(Code.NO_SUCH_RECIPIENT, text)
        if envelope.rcpt_tos and self._place(envelope.rcpt_tos[0]) is not self._place(address):
            return reply(Code.TOO_MANY_RECIPIENTS, "a mail is for one location: send it to this recipient by itself")
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return reply(Code.TOO_MANY_RECIPIENTS, f"at most {RECIPIENTS} recipients a mail")
        envelope.rcpt_tos.append(address)
        return reply(Code.RECIPIENT_TAKEN, "recipient ok")

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        raw = envelope.original_content
        assert isinstance(raw, bytes)
        conversation: Conversation = server  # type: ignore[assignment]  # it is the one that was made with these hooks
        heard = next((mail for mail in conversation.heard if mail.raw == raw), None)
        conversation.deciding = True
        try:
            if heard is not None and heard.spooling is not None:
                said = await asyncio.shield(heard.spooling)
            else:
                said = await self._decided(self._intake(envelope.rcpt_tos[0]).decide(raw, _peer(session)))
        finally:
            conversation.deciding = False
        # one that hangs up before this line is reached has not been answered
        if heard is not None:
            conversation.heard.remove(heard)
        return said

    async def handle_exception(self, _: Exception) -> str:
        return reply(Code.TRY_AGAIN, "the gate failed, try again later")

    async def _decided(self, decision: Coroutine[Any, Any, str]) -> str:
        self._deciding += 1
        self.idle.clear()
        try:
            return await decision
        finally:
            self._deciding -= 1
            if not self._deciding:
                self.idle.set()


def _peer(session: Session) -> str:
    return str(session.peer[0]) if session.peer else "unknown"

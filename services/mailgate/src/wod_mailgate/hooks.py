"""What aiosmtpd asks the gate about a conversation; the names are its own."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from aiosmtpd.smtp import SMTP, Envelope, Session

from wod_mailgate.intake import Intake
from wod_mailgate.replies import Code, reply

RECIPIENTS = 5


@dataclass(eq=False)
class Heard:
    """A mail that a listed peer has sent whole; ``spooling`` answers for one that does not listen."""

    raw: bytes
    spooling: asyncio.Task[str] | None = None


class Conversation(Protocol):
    deciding: bool
    heard: list[Heard]


class Hooks:
    def __init__(self, intake: Intake, recipient: str) -> None:
        self.intake = intake
        self._recipient = recipient.lower()
        self._deciding = 0
        self._spooling: set[asyncio.Task[str]] = set()
        #: no mail is being decided
        self.idle = asyncio.Event()
        self.idle.set()

    def is_recipient(self, address: str) -> bool:
        wanted = address if "@" in self._recipient else address.partition("@")[0]
        return wanted.lower() == self._recipient

    def spool(self, heard: Heard, peer: str) -> None:
        """Goes on whatever becomes of the connection."""
        heard.spooling = asyncio.create_task(self._decided(self.intake.decide(heard.raw, peer, deaf=True)))
        self._spooling.add(heard.spooling)
        heard.spooling.add_done_callback(self._spooling.discard)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, __: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in lines if not line.startswith("250-AUTH")]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        if not self.is_recipient(address):
            text = "no such recipient: this gate takes commands for its admin user only"
            self.intake.note_refusal(_peer(session), Code.NO_SUCH_RECIPIENT, text)
            return reply(Code.NO_SUCH_RECIPIENT, text)
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
                said = await self._decided(self.intake.decide(raw, _peer(session)))
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

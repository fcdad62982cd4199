"""What the tests of mails share: relays that behave as told, and time that is moved, not waited for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from api_support import Api

from wod_api_db.mail.delivering import MailSender
from wod_api_db.mail.sending import SmtpRelay
from wod_api_db.settings import Settings


class Mailbox:
    """Takes everything but mail for ``refused`` addresses, which get the reply that stands beside them.

    Where ``drops`` is above zero the mail is taken all the same, but the connection is cut before the 250.
    """

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refused: dict[str, str] = {}
        self.drops = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.messages.append(read(envelope.content))
        if self.drops:
            self.drops -= 1
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.messages if mail["To"].addresses[0].addr_spec == address]


def read(content: bytes) -> EmailMessage:
    parsed = message_from_bytes(content, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content


@contextmanager
def listening(mailbox: Mailbox, port: int) -> Iterator[None]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


class Post:
    """The worker's part: sends what is due, and lets the time pass by moving the rows."""

    def __init__(self, api: Api, settings: Settings, port: int) -> None:
        self._api = api
        self._sender = MailSender(api.sessions, settings, SmtpRelay("127.0.0.1", port))

    async def send_due(self) -> None:
        """Once each mail that is due, in whatever order the rows lie."""
        due = "SELECT id FROM mails WHERE state IN ('queued', 'sending') AND due_at <= now() ORDER BY id"
        for (identity,) in await self._api.rows(due):
            await self._sender.send(identity)

    async def send_all(self) -> None:
        """Until nothing is left that could leave at this moment."""
        before: list[Any] = []
        while (rows := await self._api.rows("SELECT id, state, attempts FROM mails ORDER BY id")) != before:
            before = rows
            await self.send_due()

    async def send(self, mail: UUID) -> None:
        await self._sender.send(mail)

    async def pass_time(self) -> timedelta:
        """To the moment at which the next mail is due; zero where all are."""
        query = "SELECT min(due_at) - now() FROM mails WHERE state IN ('queued', 'sending') AND due_at > now()"
        step: timedelta = await self._api.value(query) or timedelta()
        await self._api.change("UPDATE mails SET due_at = due_at - CAST(:step AS interval)", step=step)
        return step

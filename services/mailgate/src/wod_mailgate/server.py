"""The SMTP server: aiosmtpd, with the limits that a port open to the world needs."""

import asyncio
import re
import ssl
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from wod_mailgate.intake import Intake
from wod_mailgate.replies import Code, reply

NAME = "mailgate"
DATA_BYTES = 1024 * 1024
RECIPIENTS = 5
#: of each kind of command in one connection
COMMANDS = 100
CONNECTIONS = 100
CONNECTIONS_PER_PEER = 20
#: a connection ends so long after its last command, the mail's text and the agent's answer included
TIMEOUT_SECONDS = 30.0
#: for mails that are being decided when the gate is told to stop: a little more than the agent's timeout
GRACE_SECONDS = 12.0

# A line ends with CR LF and with nothing else, or two hosts may disagree on where a mail ends (SMTP smuggling).
# A CR at the very end is not judged before the next byte has come.
_BAD_LINE_END = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")


@dataclass
class Connections:
    """Those that are open now."""

    peers: dict["Connection", str] = field(default_factory=dict)

    def admit(self, connection: "Connection", peer: str) -> bool:
        if len(self.peers) >= CONNECTIONS or Counter(self.peers.values())[peer] >= CONNECTIONS_PER_PEER:
            return False
        self.peers[connection] = peer
        return True

    def leave(self, connection: "Connection") -> None:
        self.peers.pop(connection, None)


class Hooks:
    """What aiosmtpd asks us; the names are its own."""

    def __init__(self, intake: Intake, recipient: str) -> None:
        self._intake = intake
        self._recipient = recipient.lower()
        self._deciding = 0
        self.idle = asyncio.Event()
        self.idle.set()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, __: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in lines if not line.startswith("250-AUTH")]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        wanted = address if "@" in self._recipient else address.partition("@")[0]
        if wanted.lower() != self._recipient:
            return reply(Code.NO_SUCH_RECIPIENT, "no such recipient: this gate takes commands for its admin user only")
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return reply(Code.TOO_MANY_RECIPIENTS, f"at most {RECIPIENTS} recipients a mail")
        envelope.rcpt_tos.append(address)
        return reply(Code.RECIPIENT_TAKEN, "recipient ok")

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.original_content, bytes)
        assert session.peer is not None
        self._deciding += 1
        self.idle.clear()
        try:
            return await self._intake.decide(envelope.original_content, str(session.peer[0]))
        finally:
            self._deciding -= 1
            if not self._deciding:
                self.idle.set()

    async def handle_exception(self, _: Exception) -> str:
        return reply(Code.TRY_AGAIN, "the gate failed, try again later")


class Connection(SMTP):
    """One peer's conversation."""

    def __init__(self, hooks: Hooks, connections: Connections, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            hooks,
            data_size_limit=DATA_BYTES,
            hostname=NAME,
            ident="Workshops-on-Demand commands",
            tls_context=tls,
            timeout=TIMEOUT_SECONDS,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            command_call_limit=COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self._connections = connections
        self._pending_cr = b""
        self._unread_mail = 0

    def connection_made(self, transport: Any) -> None:
        # comes a second time after STARTTLS
        if self not in self._connections.peers:
            peer = (transport.get_extra_info("peername") or ("unknown",))[0]
            if not self._connections.admit(self, peer):
                transport.set_protocol(asyncio.Protocol())
                transport.write(_line(Code.TOO_MANY_CONNECTIONS, "too many connections, try again later"))
                transport.close()
                return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.leave(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        seen = self._pending_cr + data
        self._pending_cr = b"\r" if data.endswith(b"\r") else b""
        self._unread_mail += len(data)
        if _BAD_LINE_END.search(seen):
            self.hang_up(Code.BAD_LINE_END, "bare LF or CR received: end every line with CR LF")
        elif self._unread_mail > 2 * DATA_BYTES:
            # aiosmtpd keeps in memory a line that never ends
            self.hang_up(Code.REFUSED, f"the mail is larger than {DATA_BYTES} bytes")
        else:
            super().data_received(data)

    def _set_post_data_state(self) -> None:
        self._unread_mail = 0
        super()._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's gap

    def hang_up(self, code: Code, text: str) -> None:
        transport: Any = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(_line(code, text))
            transport.close()


def _line(code: Code, text: str) -> bytes:
    return reply(code, text).encode() + b"\r\n"


@dataclass
class Gate:
    """The listening server; ``port`` is what it was given for 0."""

    hooks: Hooks
    tls: ssl.SSLContext | None
    connections: Connections = field(default_factory=Connections)
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self.hooks, self.connections, self.tls), host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Takes no more, answers the mails that are being decided, then closes every connection."""
        assert self._server is not None
        self._server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self.hooks.idle.wait()
        for connection in list(self.connections.peers):
            connection.hang_up(Code.CLOSING, "the gate closes, try again later")
        # a peer that does not read its last reply is not waited for
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._server.wait_closed()

    async def check(self) -> str:
        if self._server is None or not self._server.is_serving():
            raise RuntimeError("the SMTP server does not listen")
        return f"listens on port {self.port}"

"""The SMTP server: aiosmtpd, with the limits that a port open to the world needs."""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP
from prometheus_client import Counter, Gauge

from wod_mailgate.connections import Connections
from wod_mailgate.dictation import Dictation
from wod_mailgate.hooks import Heard, Hooks
from wod_mailgate.peers import origin
from wod_mailgate.replies import Code, reply

NAME = "mailgate"
#: a command mail has about two kilobytes
DATA_BYTES = 64 * 1024
#: of a mail: a line costs memory beyond its bytes
DATA_LINES = 2000
#: of each kind of command in one connection
COMMANDS = 100
#: a connection ends so long after its last command, the mail's text and the agent's answer included
IDLE_SECONDS = 30.0
#: and so long after it was opened, whatever it does
SESSION_SECONDS = 120.0
#: a listed peer that speaks at once is heard before the greeting makes it hang up
LISTEN_FIRST_SECONDS = 0.1
#: for mails that are being decided when the gate is told to stop: a little more than the agent's timeout
GRACE_SECONDS = 12.0
#: connections the kernel holds for the next turn of the loop; the process needs as many descriptors to spare
_BACKLOG = 256

# A line ends with CR LF and with nothing else, or two hosts may disagree on where a mail ends (SMTP smuggling).
# A CR at the very end is not judged before the next byte has come.
_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?=[^\n])")

_log = structlog.get_logger(__name__)
_ENDED = Counter("wod_mailgate_connections_ended", "Connections that the gate has ended, by reply code", ["reply"])
_OPEN = Gauge("wod_mailgate_connections", "Connections that are open now")


class Connection(SMTP):
    """One peer's conversation.

    A listed legacy peer may end its lines with LF, and may say all at once and hang up without hearing an answer: what
    it has said whole is spooled.
    """

    def __init__(self, hooks: Hooks, connections: Connections, tls: ssl.SSLContext | None, tls_required: bool) -> None:
        super().__init__(
            hooks,
            data_size_limit=DATA_BYTES,
            hostname=NAME,
            ident="Workshops-on-Demand commands",
            tls_context=tls,
            timeout=IDLE_SECONDS,
            auth_exclude_mechanism=["LOGIN", "PLAIN"] if hooks.login is None else [],
            authenticator=hooks.authenticate,
            command_call_limit=COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self.deciding = False
        self.heard: list[Heard] = []
        self._hooks = hooks
        self._connections = connections
        self._tls_required = tls_required
        self._peer = "unknown"
        self._dictation: Dictation | None = None
        self._spoke = asyncio.Event()
        self._invited = 0
        self._uses_lf = False
        self._last_was_cr = False
        self._unread_bytes = self._unread_lines = 0
        self._is_encrypted = False
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        # comes a second time after STARTTLS, when nothing said in clear counts any more
        if self._end is None:
            self._peer = str((transport.get_extra_info("peername") or ("unknown",))[0])
            listed = self._hooks.intake.lists(self._peer)
            if not self._connections.admit(self, origin(self._peer), listed=listed):
                self._turn_away(transport)
                return
            self.require_starttls = self._tls_required and not listed
            self._auth_required = self._hooks.login is not None and not listed
            self._end = asyncio.get_running_loop().call_later(
                SESSION_SECONDS, self.hang_up, Code.TOO_SLOW, f"a connection lasts {SESSION_SECONDS:.0f} s at most"
            )
        if self._hooks.intake.lists(self._peer):
            self._dictation = Dictation(self._hooks.is_recipient, DATA_BYTES)
            self._invited = 0
        self._last_was_cr = False
        self._is_encrypted = self._tls_protocol is not None
        super().connection_made(transport)

    def _turn_away(self, transport: Any) -> None:
        transport.set_protocol(asyncio.Protocol())
        transport.write(_line(Code.TOO_MANY_CONNECTIONS, "too many connections, try again later"))
        transport.abort()
        _ENDED.labels("421").inc()

    async def _handle_client(self) -> None:
        if self._dictation is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LISTEN_FIRST_SECONDS):
                    await self._spoke.wait()
        await super()._handle_client()

    def data_received(self, data: bytes) -> None:
        self._spoke.set()
        seen = b"\r" * self._last_was_cr + data
        offset = int(self._last_was_cr)
        self._last_was_cr = data.endswith(b"\r")
        self._unread_bytes += len(data)
        self._unread_lines += data.count(b"\n")
        bare_lf = _BARE_LF.search(seen) is not None
        if _BARE_CR.search(seen) or (bare_lf and self._dictation is None):
            self.hang_up(Code.BAD_LINE_END, "bare LF or CR received: end every line with CR LF")
        elif self._unread_bytes > 2 * DATA_BYTES or self._unread_lines > DATA_LINES:
            self.hang_up(Code.TOO_LARGE, f"a mail has {DATA_BYTES} bytes and {DATA_LINES} lines at most")
        elif self._dictation is not None:
            self._uses_lf |= bare_lf
            self._hear(_BARE_LF.sub(b"\r\n", seen)[offset:])
        else:
            super().data_received(data)

    def _hear(self, data: bytes) -> None:
        assert self._dictation is not None
        for raw, recipient in self._dictation.hear(data):
            heard = Heard(raw, recipient)
            self.heard.append(heard)
            # who does not wait to be asked for the mail will not wait for the answer to it
            if self._uses_lf or self._dictation.begun > self._invited:
                self._hooks.spool(heard, self._peer)
        super().data_received(data)
        transport: Any = self.transport
        if transport is not None:
            # aiosmtpd would leave the rest unread until it has answered the beginning, to a peer that may be gone
            transport.resume_reading()

    async def push(self, status: Any) -> None:
        said = str(status)
        if said.startswith("354"):
            self._invited += 1
        elif self._dictation is not None and said.startswith("5") and not said.startswith("550"):
            # the server's own refusals; a peer that does not listen has nobody else to tell them to
            _log.warning("listed peer refused", peer=self._peer, reply=said)
        await super().push(status)
        if said.startswith("421") and self.transport is not None:
            self.transport.close()

    def eof_received(self) -> bool | None:
        self._spool_unanswered()
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.leave(self)
        if self._end is not None:
            self._end.cancel()
        self._spool_unanswered()
        super().connection_lost(error)

    def _spool_unanswered(self) -> None:
        for heard in self.heard:
            # a line too long has been refused, whether that was heard or not
            if heard.spooling is None and max(map(len, heard.raw.split(b"\n"))) < self.line_length_limit:
                self._hooks.spool(heard, self._peer)
        if self._dictation is not None and self._dictation.unfinished:
            _log.warning("a listed peer has hung up in the middle of a mail", peer=self._peer)
            self._dictation = None

    def _set_post_data_state(self) -> None:
        self._unread_bytes = self._unread_lines = 0
        super()._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's gap

    def _timeout_cb(self) -> None:
        self.hang_up(Code.TOO_SLOW, f"nothing was done for {IDLE_SECONDS:.0f} s")

    def evict(self) -> None:
        self.hang_up(Code.TOO_MANY_CONNECTIONS, "too many connections, and this one has been open longest")

    def close(self) -> None:
        self._spool_unanswered()
        self.hang_up(Code.CLOSING, "the gate closes, try again later")

    def hang_up(self, code: Code, text: str) -> None:
        """At once: a peer that does not read its last reply is not waited for."""
        transport: Any = self.transport
        if transport is None:
            return
        if not transport.is_closing():
            transport.write(_line(code, text))
            transport.abort()
            _ENDED.labels(code.split()[0]).inc()
            self._hooks.intake.note_refusal(self._peer, code, text)
        if self._tls_protocol is not None and not self._is_encrypted:
            # asyncio tells nobody of a connection that is lost in its handshake
            asyncio.get_running_loop().call_soon(self._lost_in_handshake)

    def _lost_in_handshake(self) -> None:
        if self.transport is not None:
            self.connection_lost(None)


def _line(code: Code, text: str) -> bytes:
    return reply(code, text).encode() + b"\r\n"


@dataclass
class Gate:
    """The listening server; ``port`` is what it was given for 0."""

    hooks: Hooks
    tls: ssl.SSLContext | None
    tls_required: bool = False
    connections: Connections = field(default_factory=Connections)
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, host, port, backlog=_BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        _OPEN.set_function(lambda: len(self.connections))

    def _connection(self) -> Connection:
        return Connection(self.hooks, self.connections, self.tls, self.tls_required)

    async def stop(self) -> None:
        """Takes no more, answers the mails that are being decided, then closes every connection."""
        assert self._server is not None
        self._server.close()
        await self._decided()
        self.connections.close()
        # what listed peers have said whole reaches the disk
        await self._decided()
        # a peer that does not read its last reply is not waited for
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._server.wait_closed()

    async def _decided(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self.hooks.idle.wait()

    async def check(self) -> str:
        if self._server is None or not self._server.is_serving():
            raise RuntimeError("the SMTP server does not listen")
        return f"listens on port {self.port}"

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from wod_api_db.mail.sending import LONG_HEADERS, PermanentMailFailure, Relay, SmtpRelay, TemporaryMailFailure

RCPT, DATA = "RCPT", "DATA"


class Server:
    """Answers ``reply`` at ``stage`` and takes everything else."""

    def __init__(self, stage: str = "", reply: str = "") -> None:
        self.stage = stage
        self.reply = reply
        self.taken: list[Envelope] = []
        self.sessions: list[Session] = []

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        if self.stage == RCPT:
            return self.reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.stage == DATA:
            return self.reply
        self.taken.append(envelope)
        self.sessions.append(session)
        return "250 OK"


def authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"wod", b"sesame"), handled=False)


@contextmanager
def serving(
    server: Server, *, login: bool = False, tls: str = "none", context: ssl.SSLContext | None = None
) -> Iterator[int]:
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=authenticate if login else None,
        auth_require_tls=False,
        tls_context=context if tls == "starttls" else None,
        require_starttls=tls == "starttls",
        ssl_context=context if tls == "tls" else None,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


@asynccontextmanager
async def talking(
    conversation: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await conversation(reader, writer)
        writer.close()

    listener = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


@pytest.fixture
def message() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "wod@example.org"
    message["To"] = "ada@example.org"
    message["Subject"] = "Hello"
    message.set_content("One\n.two\nthree\n")
    return message


async def send(message: EmailMessage, port: int, relay: Relay | None = None) -> None:
    relay = relay or SmtpRelay("127.0.0.1", port, timeout=5)
    await relay.send(message, "bounce@example.org", "ada@example.org")


async def test_a_taken_message_arrives_whole_with_its_envelope(message: EmailMessage) -> None:
    server = Server()
    with serving(server) as port:
        await send(message, port)
    [envelope] = server.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("bounce@example.org", ["ada@example.org"])
    assert isinstance(envelope.content, bytes)
    assert envelope.content.endswith(b"One\r\n.two\r\nthree\r\n")
    assert b"\n" not in envelope.content.replace(b"\r\n", b"")


async def test_a_long_token_in_a_header_arrives_as_it_is() -> None:
    token = "eyJ" + "aZ09-_." * 90
    message = EmailMessage(LONG_HEADERS)
    message["X-WoD-Command"] = token
    message.set_content("WKSHP-API101\n")
    server = Server()
    with serving(server) as port:
        await send(message, port)
    assert isinstance(server.taken[0].content, bytes)
    assert f"X-WoD-Command: {token}\r\n".encode() in server.taken[0].content


@pytest.mark.parametrize("stage", [RCPT, DATA])
async def test_a_451_is_temporary(message: EmailMessage, stage: str) -> None:
    with serving(Server(stage, "451 4.3.0 the agent is away")) as port, pytest.raises(TemporaryMailFailure) as caught:
        await send(message, port)
    assert (caught.value.code, caught.value.reply) == (451, "4.3.0 the agent is away")


@pytest.mark.parametrize("stage", [RCPT, DATA])
async def test_a_550_is_permanent_and_carries_the_reply(message: EmailMessage, stage: str) -> None:
    with serving(Server(stage, "550 no such workshop")) as port, pytest.raises(PermanentMailFailure) as caught:
        await send(message, port)
    assert (caught.value.code, caught.value.reply) == (550, "no such workshop")
    assert str(caught.value) == "550 no such workshop"


async def test_a_refused_connection_is_temporary(message: EmailMessage) -> None:
    with pytest.raises(TemporaryMailFailure) as caught:
        await send(message, free_port())
    assert caught.value.code is None


async def test_a_silent_server_is_given_up_on(message: EmailMessage) -> None:
    over = asyncio.Event()

    async def silence(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await over.wait()

    async with talking(silence) as port:
        with pytest.raises(TemporaryMailFailure):
            await send(message, port, SmtpRelay("127.0.0.1", port, timeout=0.3))
        over.set()


async def test_a_server_that_answers_by_drops_is_given_up_on_in_time(message: EmailMessage) -> None:
    over = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.write(b"250 go on\r\n")
        await reader.readline()
        await over.wait()

    async with talking(drip) as port:
        async with asyncio.timeout(3):
            with pytest.raises(TemporaryMailFailure, match=r"imed out|did not answer"):
                await send(message, port, SmtpRelay("127.0.0.1", port, timeout=0.5))
        over.set()


async def test_a_server_that_refuses_everyone_says_nothing_about_the_message(message: EmailMessage) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 no service\r\n")
        await writer.drain()

    async with talking(refuse) as port:
        with pytest.raises(TemporaryMailFailure) as caught:
            await send(message, port)
    assert caught.value.code == 554


async def test_a_connection_cut_before_the_reply_is_temporary(message: EmailMessage) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        for _ in range(3):
            await reader.readline()
            writer.write(b"250 go on\r\n")

    async with talking(cut) as port:
        with pytest.raises(TemporaryMailFailure):
            await send(message, port)


async def test_a_taken_message_stays_taken_when_the_goodbye_fails(message: EmailMessage) -> None:
    async def take_and_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        for reply in (b"250 hi\r\n", b"250 from\r\n", b"250 to\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(reply)
        while await reader.readline() != b".\r\n":
            pass
        writer.write(b"250 taken\r\n")
        await writer.drain()

    async with talking(take_and_cut) as port:
        await send(message, port)


@pytest.mark.parametrize("knows", [True, False])
async def test_a_server_that_knows_delivery_reports_is_asked_for_headers_only(
    message: EmailMessage, knows: bool
) -> None:
    message["Message-ID"] = "<17@wod.example.org>"
    heard: list[bytes] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        for reply in (b"250-hi\r\n250 DSN\r\n" if knows else b"250 hi\r\n", b"250 from\r\n", b"550 no\r\n"):
            heard.append(await reader.readline())
            writer.write(reply)
        await reader.readline()

    async with talking(converse) as port:
        with pytest.raises(PermanentMailFailure):
            await send(message, port)
    options = b" RET=HDRS ENVID=17@wod.example.org" if knows else b""
    assert heard[1] == b"MAIL FROM:<bounce@example.org>" + options + b"\r\n"


async def test_a_server_that_knows_helo_alone_takes_mail_too(message: EmailMessage) -> None:
    heard: list[bytes] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while (line := await reader.readline()) and not line.startswith(b"RCPT"):
            heard.append(line.split()[0])
            writer.write(b"500 what\r\n" if line.startswith(b"EHLO") else b"250 fine\r\n")
        writer.write(b"550 no\r\n")
        await reader.readline()

    async with talking(converse) as port:
        with pytest.raises(PermanentMailFailure):
            await send(message, port)
    assert heard[-2:] == [b"HELO", b"MAIL"]


async def test_it_logs_in(message: EmailMessage) -> None:
    server = Server()
    with serving(server, login=True) as port:
        await send(message, port, SmtpRelay("127.0.0.1", port, "wod", SecretStr("sesame")))
    assert [session.authenticated for session in server.sessions] == [True]


async def test_a_refused_login_is_for_the_operator_to_mend(message: EmailMessage) -> None:
    with serving(Server(), login=True) as port, pytest.raises(TemporaryMailFailure) as caught:
        await send(message, port, SmtpRelay("127.0.0.1", port, "wod", SecretStr("wrong-7f3")))
    assert caught.value.code == 535
    assert "wrong-7f3" not in str(caught.value)


async def test_starttls_is_not_given_up_where_the_server_lacks_it(message: EmailMessage) -> None:
    server = Server()
    with serving(server) as port, pytest.raises(TemporaryMailFailure):
        await send(message, port, SmtpRelay("127.0.0.1", port, tls="starttls"))
    assert server.taken == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A server's key and self-signed certificate in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = tmp_path / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_tls_protects_the_message(
    message: EmailMessage, certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: Literal["starttls", "tls"]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Server()
    with serving(server, tls=tls, context=server_context(certificate)) as port:
        await send(message, port, SmtpRelay("127.0.0.1", port, tls=tls))
    assert len(server.taken) == 1


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_it_logs_in_over_tls(
    message: EmailMessage, certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: Literal["starttls", "tls"]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Server()
    with serving(server, login=True, tls=tls, context=server_context(certificate)) as port:
        await send(message, port, SmtpRelay("127.0.0.1", port, "wod", SecretStr("sesame"), tls=tls))
    assert [session.authenticated for session in server.sessions] == [True]


async def test_an_untrusted_certificate_gets_no_message(message: EmailMessage, certificate: Path) -> None:
    server = Server()
    with (
        serving(server, tls="starttls", context=server_context(certificate)) as port,
        pytest.raises(TemporaryMailFailure),
    ):
        await send(message, port, SmtpRelay("127.0.0.1", port, tls="starttls"))
    assert server.taken == []


def test_a_relays_password_is_not_in_its_repr() -> None:
    assert "sesame" not in repr(SmtpRelay("127.0.0.1", 25, "wod", SecretStr("sesame")))

"""What reaches the port, byte by byte: line ends, limits, TLS, the end of the process."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGTERM
from typing import Any

import aiosmtplib
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wod_common.commands import Command
from wod_common.tokens import CommandSigner
from wod_mailgate.settings import Settings

Write = Callable[..., str]

_ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<wodadmin@x>\r\nDATA\r\n"


@pytest.fixture
def signed(write: Write, signer: CommandSigner, command: Command) -> str:
    return write(signer.sign(command))


async def _connect(gate: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.gate.port)
    return reader, writer


_SMUGGLED = b"MAIL FROM:<a@b>\r\nRCPT TO:<wodadmin@x>\r\nDATA\r\nSubject: PURGE 6 13\r\n\r\nWKSHP-API101\r\n.\r\n"
_BEGUN = _ENVELOPE + b"Subject: CREATE 5 12\r\n\r\nWKSHP-API101"


@pytest.mark.parametrize(
    "raw",
    [
        _ENVELOPE + b"Subject: CREATE 5 12\n\nWKSHP-API101\n.\n",
        _BEGUN + b"\n.\r\n" + _SMUGGLED,
        _BEGUN + b"\n.\n" + _SMUGGLED,
        _BEGUN + b"\r\n.\n" + _SMUGGLED,
        _BEGUN + b"\r.\r\n" + _SMUGGLED,
        _BEGUN + b"\r\n.\r" + _SMUGGLED,
        _BEGUN + b"\r\r\n.\r\n",
        _ENVELOPE.replace(b"\r\n", b"\n"),
        b"EHLO x\r\nNOOP\rNOOP\r\n",
    ],
    ids=["mail", "LF.CRLF", "LF.LF", "CRLF.LF", "CR.CRLF", "CRLF.CR", "CRCRLF", "commands", "CR in a command"],
)
async def test_a_bare_line_end_is_refused_at_once(gate: Any, agent: Any, raw: bytes) -> None:
    said = await gate.talk(raw)
    assert said.splitlines()[-1].startswith("550 5.5.2 bare LF or CR")
    assert agent.commands == []


@pytest.mark.usefixtures("listed")
async def test_a_bare_carriage_return_is_refused_from_everyone(gate: Any, agent: Any) -> None:
    said = await gate.talk(_ENVELOPE + b"Subject: CREATE 5 12\r\r\n\r\nWKSHP-API101\r\n.\r\n")
    assert said.splitlines()[-1].startswith("550 5.5.2 bare LF or CR")
    assert agent.commands == []


async def test_a_bare_line_feed_is_seen_across_packets(gate: Any) -> None:
    reader, writer = await _connect(gate)
    await reader.readline()
    writer.write(b"NOOP\r")
    await gate.talk(b"QUIT\r\n")  # by now the gate has read the first packet
    writer.write(b"\nNOOP\r\nNOOP")
    assert (await reader.readline()).startswith(b"250")
    writer.write(b"\n")
    assert (await reader.read()).splitlines()[-1].startswith(b"550 5.5.2")
    writer.close()


async def test_the_banner_names_the_gate_and_offers_no_login(gate: Any) -> None:
    said = await gate.talk(b"EHLO x\r\nAUTH PLAIN AHgAeA==\r\nQUIT\r\n")
    assert said.startswith("220 mailgate ")
    assert "250-AUTH" not in said
    assert "SMTPUTF8" not in said
    assert "235" not in said


@pytest.mark.parametrize(
    ("recipient", "to", "code"),
    [
        ("wodadmin", "WodAdmin@anything.example", 250),
        ("wodadmin", "root@backend.example", 550),
        ("wodadmin", "wodadmin2@backend.example", 550),
        ("wodadmin@backend.example", "wodadmin@backend.example", 250),
        ("wodadmin@backend.example", "wodadmin@other.example", 550),
    ],
)
async def test_mail_for_the_admin_user_only(
    settings: dict[str, Any], open_gate: Any, recipient: str, to: str, code: int
) -> None:
    settings["recipient"] = recipient
    async with open_gate() as gate:
        said = await gate.talk(f"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{to}>\r\nQUIT\r\n".encode())
        assert said.splitlines()[-2].startswith(str(code))


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailgate")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(encoding))
    key_file.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return cert_file, key_file


async def test_a_command_is_taken_over_starttls(
    settings: dict[str, Any], open_gate: Any, signed: str, tmp_path: Path
) -> None:
    settings["tls_cert"], settings["tls_key"] = _self_signed(tmp_path)
    context = ssl.create_default_context(cafile=settings["tls_cert"])
    context.check_hostname = False
    async with open_gate() as gate:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=gate.gate.port, start_tls=True, tls_context=context)
        async with client:
            assert "auth" not in client.esmtp_extensions
            _, text = await client.sendmail("a@b.example", ["wodadmin@x.example"], signed.encode())
        assert text.endswith(" accepted")


@pytest.fixture
def tls(settings: dict[str, Any], tmp_path: Path) -> ssl.SSLContext:
    settings["tls_cert"], settings["tls_key"] = _self_signed(tmp_path)
    context = ssl.create_default_context(cafile=settings["tls_cert"])
    context.check_hostname = False
    return context


async def test_a_stranger_must_encrypt_where_the_operator_says_so(
    settings: dict[str, Any], open_gate: Any, signed: str, tls: ssl.SSLContext, agent: Any
) -> None:
    settings["require_tls"] = "yes"
    async with open_gate() as gate:
        said = await gate.talk(_ENVELOPE + signed.replace("\n", "\r\n").encode() + b".\r\nQUIT\r\n")
        assert said.splitlines()[-2].startswith("5")
        assert "530 Must issue a STARTTLS command first" in said
        assert agent.commands == []
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=gate.gate.port, start_tls=True, tls_context=tls)
        async with client:
            _, text = await client.sendmail("a@b.example", ["wodadmin@x.example"], signed.encode())
        assert text.endswith(" accepted")


LOGIN = {"username": "api-db", "password": "a password of some length"}


async def test_a_stranger_must_log_in_where_the_operator_says_so(
    settings: dict[str, Any], open_gate: Any, signed: str, tls: ssl.SSLContext, agent: Any
) -> None:
    settings |= LOGIN
    async with open_gate() as gate:
        # in clear a login is neither offered nor taken, and nothing goes without
        said = await gate.talk(b"EHLO x\r\nMAIL FROM:<a@b>\r\nAUTH PLAIN AGFwaS1kYgB4\r\nQUIT\r\n")
        assert "AUTH" not in said
        assert [line[:3] for line in said.splitlines()[-3:]] == ["530", "538", "221"]
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=gate.gate.port, start_tls=True, tls_context=tls)
        async with client:
            with pytest.raises(aiosmtplib.SMTPResponseException, match="Authentication required"):
                await client.sendmail("a@b.example", ["wodadmin@x.example"], signed.encode())
            username, password = LOGIN.values()
            for wrong in ((username, "another"), ("api", password)):
                with pytest.raises(aiosmtplib.SMTPAuthenticationError):
                    await client.login(*wrong)
            assert agent.commands == []
            await client.login(username, password)
            _, text = await client.sendmail("a@b.example", ["wodadmin@x.example"], signed.encode())
        assert text.endswith(" accepted")


@pytest.mark.usefixtures("listed", "tls")
async def test_a_listed_peer_need_not_log_in(settings: dict[str, Any], open_gate: Any) -> None:
    settings |= LOGIN
    async with open_gate() as gate:
        assert (await gate.send("Subject: CREATE 5 12\r\n\r\nWKSHP-API101\r\n")).startswith("250 ")


@pytest.mark.parametrize("encrypted", [True, False], ids=["after the handshake", "in the handshake"])
@pytest.mark.usefixtures("tls")
async def test_a_peer_is_let_go_behind_tls(open_gate: Any, tls: ssl.SSLContext, encrypted: bool) -> None:
    async with open_gate() as gate:
        reader, writer = await _connect(gate)
        writer.write(b"EHLO x\r\nSTARTTLS\r\n")
        while not (await reader.readline()).startswith(b"220 Ready"):
            pass
        if encrypted:
            await writer.start_tls(tls)
            writer.write(b"NOOP\r\n")
            assert (await reader.readline()).startswith(b"250 ")
        assert len(gate.gate.connections) == 1
        gate.gate.connections.close()
        with suppress(ConnectionError, ssl.SSLError):
            await reader.read()
        writer.close()
        async with asyncio.timeout(30):
            while len(gate.gate.connections):  # noqa: ASYNC110 - the gate has no event for it
                await asyncio.sleep(0.01)  # poll: the server learns of it a turn later


@pytest.mark.usefixtures("listed", "tls")
async def test_a_listed_peer_need_not_encrypt(settings: dict[str, Any], open_gate: Any) -> None:
    settings["require_tls"] = "yes"
    async with open_gate() as gate:
        assert (await gate.send("Subject: CREATE 5 12\r\n\r\nWKSHP-API101\r\n")).startswith("250 ")


@pytest.mark.parametrize("missing", [{"require_tls": True}, {"legacy_peers": "192.0.2.0/24"}, {"tls_cert": "x"}, LOGIN])
def test_settings_that_miss_their_other_half_are_refused(settings: dict[str, Any], missing: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="WOD_MAILGATE_"):
        Settings(**settings | missing)


async def test_what_was_said_before_starttls_does_not_count(
    settings: dict[str, Any], open_gate: Any, signed: str, tls: ssl.SSLContext, agent: Any
) -> None:
    async with open_gate() as gate:
        reader, writer = await _connect(gate)
        await reader.readline()
        injected = _ENVELOPE.partition(b"\r\n")[2] + signed.replace("\n", "\r\n").encode() + b".\r\n"
        writer.write(b"EHLO x\r\nSTARTTLS\r\n" + injected)
        while not (await reader.readline()).startswith(b"220 Ready"):
            pass
        with suppress(OSError, ssl.SSLError):
            await writer.start_tls(tls, ssl_handshake_timeout=5)
            writer.write(b"QUIT\r\n")
            await reader.read()
        writer.close()
    assert agent.commands == []


async def _until_logged(stream: asyncio.StreamReader, event: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            line: dict[str, Any] = json.loads(await stream.readline())
            if line["event"] == event:
                return line


async def test_a_stop_answers_the_mail_in_hand(agent: Any, settings: dict[str, Any], signed: str) -> None:
    agent.released.clear()
    environment = {f"WOD_MAILGATE_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wod_mailgate",
        env={"PATH": os.environ["PATH"], "WOD_MAILGATE_HTTP_PORT": "0", **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    opened = await _until_logged(process.stdout, "gate open")
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=opened["port"], start_tls=False)
    await client.connect()
    answer = asyncio.create_task(client.sendmail("a@b.example", ["wodadmin@x.example"], signed.encode()))
    await agent.arrived.wait()
    process.send_signal(SIGTERM)
    await _until_logged(process.stdout, "Waiting for application shutdown.")
    agent.released.set()
    _, text = await answer
    assert text.endswith(" accepted")
    rest = (await process.communicate())[0].decode()
    assert process.returncode in {0, -SIGTERM}
    assert "gate closed" in rest
    assert "wodadmin@x.example" not in rest
    assert "X-WoD-Command" not in rest
    client.close()

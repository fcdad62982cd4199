"""What reaches the port, byte by byte: line ends, limits, TLS, the end of the process."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
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
from wod_mailgate import server

Write = Callable[..., str]

_ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<wodadmin@x>\r\nDATA\r\n"


@pytest.fixture
def signed(write: Write, signer: CommandSigner, command: Command) -> str:
    return write(signer.sign(command))


async def _connect(gate: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.gate.port)
    return reader, writer


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    "raw",
    [
        _ENVELOPE + b"Subject: CREATE 5 12\n\nWKSHP-API101\n.\n",
        _ENVELOPE + b"Subject: CREATE 5 12\r\n\r\nWKSHP-API101\n.\r\n",
        _ENVELOPE + b"Subject: CREATE 5 12\r\n\r\nWKSHP-API101\r.\r\n",
        _ENVELOPE.replace(b"\r\n", b"\n"),
        b"EHLO x\r\nNOOP\rNOOP\r\n",
    ],
    ids=["a mail", "one line of it", "bare CR", "commands", "a command with bare CR"],
)
async def test_a_bare_line_end_is_refused_at_once(gate: Any, agent: Any, raw: bytes) -> None:
    said = await gate.talk(raw)
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


async def test_a_sixth_recipient_is_too_many(gate: Any) -> None:
    recipients = b"".join(b"RCPT TO:<wodadmin@%d.example>\r\n" % number for number in range(6))
    said = await gate.talk(b"EHLO x\r\nMAIL FROM:<a@b>\r\n" + recipients + b"QUIT\r\n")
    assert [line[:3] for line in said.splitlines()[-7:-1]] == ["250"] * 5 + ["452"]


async def test_a_large_mail_is_refused(gate: Any, signed: str, agent: Any) -> None:
    def mail(lines: int) -> bytes:
        return _ENVELOPE + f"{signed}{lines * ('x' * 70 + chr(10))}.\nQUIT\n".replace("\n", "\r\n").encode()

    assert (await gate.talk(mail(1))).splitlines()[-2].startswith("250 2.0.0 ")
    assert (await gate.talk(mail(15_000))).splitlines()[-2].startswith("552 ")
    assert len(agent.commands) == 1


async def test_a_mail_announced_as_large_is_refused_before_it_is_sent(gate: Any) -> None:
    said = await gate.talk(b"EHLO x\r\nMAIL FROM:<a@b> SIZE=1048577\r\nQUIT\r\n")
    assert said.splitlines()[-2].startswith("552 ")


async def test_a_line_that_never_ends_is_cut_off(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DATA_BYTES", 10_000)
    assert "550 5.7.1 the mail is larger" in await gate.talk(_ENVELOPE + b"x" * 30_000)


@pytest.mark.usefixtures("listed")
async def test_several_large_mails_fit_one_connection(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DATA_BYTES", 10_000)
    mail = b"Subject: CREATE 5 12\r\n\r\nWKSHP-API101\r\n" + b"x\r\n" * 3_000
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=gate.gate.port, start_tls=False) as client:
        for _ in range(3):
            _, text = await client.sendmail("a@b.example", ["wodadmin@x.example"], mail)
            assert text.endswith(" accepted")


async def test_too_many_commands_end_the_connection(gate: Any) -> None:
    said = await gate.talk(b"NOOP\r\n" * 101)
    assert said.splitlines()[-1].startswith("421 ")


async def test_a_silent_peer_is_let_go(open_gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TIMEOUT_SECONDS", 0.05)
    async with open_gate() as gate:
        assert (await gate.talk(b"EHLO x\r\n")).startswith("220 ")


async def test_one_peer_does_not_take_all_connections(gate: Any) -> None:
    async with AsyncExitStack() as stack:
        greetings = []
        for _ in range(server.CONNECTIONS_PER_PEER + 1):
            reader, writer = await _connect(gate)
            stack.callback(writer.close)
            greetings.append((await reader.readline())[:3])
        assert greetings == [b"220"] * server.CONNECTIONS_PER_PEER + [b"421"]
    async with asyncio.timeout(5):
        while not (await gate.talk(b"QUIT\r\n")).startswith("220 "):
            pass


async def test_all_peers_together_are_bounded(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 0)
    assert (await gate.talk(b"")).startswith("421 4.7.0 ")


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

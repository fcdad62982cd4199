"""What one peer, or all of them together, may take of the gate."""

import asyncio
import os
import resource
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
import structlog

from wod_common.commands import Command
from wod_common.tokens import CommandSigner
from wod_mailgate import connections, server
from wod_mailgate.connections import Room
from wod_mailgate.peers import origin
from wod_mailgate.refusals import REFUSALS_PER_MINUTE, Refusals

Write = Callable[..., str]

_ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<wodadmin@x>\r\nDATA\r\n"
#: sockets that do nothing, or next to it; a few thousand by hand
SLOW = int(os.environ.get("WOD_GATE_SLOW_CONNECTIONS", "300"))


@pytest.fixture
def signed(write: Write, signer: CommandSigner, command: Command) -> str:
    return write(signer.sign(command))


async def test_a_sixth_recipient_is_too_many(gate: Any) -> None:
    recipients = b"".join(b"RCPT TO:<wodadmin@%d.example>\r\n" % number for number in range(6))
    said = await gate.talk(b"EHLO x\r\nMAIL FROM:<a@b>\r\n" + recipients + b"QUIT\r\n")
    assert [line[:3] for line in said.splitlines()[-7:-1]] == ["250"] * 5 + ["452"]


async def test_a_large_mail_is_refused(gate: Any, signed: str, agent: Any) -> None:
    def mail(lines: int) -> bytes:
        return _ENVELOPE + f"{signed}{lines * ('x' * 70 + chr(10))}.\nQUIT\n".replace("\n", "\r\n").encode()

    assert (await gate.talk(mail(1))).splitlines()[-2].startswith("250 2.0.0 ")
    assert (await gate.talk(mail(1_200))).splitlines()[-2].startswith("552 ")
    assert len(agent.commands) == 1


async def test_a_mail_announced_as_large_is_refused_before_it_is_sent(gate: Any) -> None:
    said = await gate.talk(b"EHLO x\r\nMAIL FROM:<a@b> SIZE=1048577\r\nQUIT\r\n")
    assert said.splitlines()[-2].startswith("552 ")


async def test_a_line_that_never_ends_is_cut_off(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DATA_BYTES", 10_000)
    assert "552 5.3.4 a mail has 10000 bytes" in await gate.talk(_ENVELOPE + b"x" * 30_000)


async def test_a_mail_of_empty_lines_is_cut_off(gate: Any) -> None:
    assert "552 5.3.4 " in await gate.talk(_ENVELOPE + b"\r\n" * 2_001)


async def test_a_hundred_megabytes_are_not_read(gate_process: Any) -> None:
    async with gate_process() as (process, port):
        before = _resident(process.pid)
        sent = await asyncio.to_thread(_pour, port, 100 * 2**20)
        # what the kernel's buffers on both sides hold was sent as well
        assert sent < 20 * 2**20
        assert _resident(process.pid) - before < 20 * 2**20


def _pour(port: int, size: int) -> int:
    """How many bytes of a mail of that size the gate lets itself be sent."""
    block, sent = b"x" * 70 + b"\r\n", 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(_ENVELOPE)
        while sent < size:
            try:
                sent += connection.send(block * 100)
            except OSError:
                break
    return sent


def _resident(pid: int) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.usefixtures("listed")
async def test_several_large_mails_fit_one_connection(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DATA_BYTES", 10_000)
    mail = b"Subject: CREATE 5 12\r\n\r\nWKSHP-API101\r\n" + b"xxx\r\n" * 1_500
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=gate.gate.port, start_tls=False) as client:
        for _ in range(3):
            _, text = await client.sendmail("a@b.example", ["wodadmin@x.example"], mail)
            assert text.endswith(" accepted")


async def test_too_many_commands_end_the_connection(gate: Any) -> None:
    said = await gate.talk(b"NOOP\r\n" * 101)
    assert said.splitlines()[-1].startswith("421 ")


async def test_a_silent_peer_is_let_go(open_gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.05)
    async with open_gate() as gate:
        assert (await gate.talk(b"EHLO x\r\n")).splitlines()[-1].startswith("421 4.4.2 nothing was done")


async def test_a_connection_ends_however_busy_it_is(open_gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SESSION_SECONDS", 0.2)
    async with open_gate() as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.gate.port)
        with structlog.testing.capture_logs() as lines:
            # the last reply may be lost with a command that crosses it
            with suppress(ConnectionError):
                async with asyncio.timeout(30):
                    while await reader.readline():
                        writer.write(b"NOOP\r\n")
                        await asyncio.sleep(0.01)  # poll: the peer is as busy as a polite one gets
            await _until_closed(gate)
        writer.close()
    assert [line["detail"][:18] for line in lines if line["event"] == "peer refused"] == ["a connection lasts"]


async def _until_closed(gate: Any) -> None:  # poll: the server learns of it a turn later
    async with asyncio.timeout(30):
        while len(gate.gate.connections):  # noqa: ASYNC110 - the gate has no event for it
            await asyncio.sleep(0.01)


class _Guest:
    def __init__(self, *, deciding: bool = False) -> None:
        self.deciding = deciding
        self.evicted = False

    def evict(self) -> None:
        self.evicted = True

    close = evict


def test_the_newcomer_takes_the_place_of_its_peers_oldest() -> None:
    room = Room(total=10, per_peer=2)
    other, old, new, newest = _Guest(), _Guest(), _Guest(), _Guest()
    room.admit(other, "b")
    assert all(room.admit(guest, "a") for guest in (old, new, newest))
    assert [guest.evicted for guest in (other, old, new, newest)] == [False, True, False, False]
    assert len(room.guests) == 3


def test_a_full_room_is_emptied_from_the_largest_crowd() -> None:
    room = Room(total=4, per_peer=3)
    single, crowd = _Guest(), [_Guest() for _ in range(3)]
    room.admit(single, "a")
    for guest in crowd:
        room.admit(guest, "b")
    assert room.admit(_Guest(), "c")
    assert [guest.evicted for guest in (single, *crowd)] == [False, True, False, False]


def test_who_waits_for_the_agent_keeps_his_place() -> None:
    room = Room(total=1, per_peer=1)
    assert room.admit(_Guest(deciding=True), "a")
    assert not room.admit(_Guest(), "a")
    assert not room.admit(_Guest(), "b")


def test_strangers_leave_room_for_listed_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS", 1)
    open_now = connections.Connections()
    stranger = _Guest(deciding=True)
    assert open_now.admit(stranger, "a", listed=False)
    assert not open_now.admit(_Guest(), "b", listed=False)
    assert open_now.admit(_Guest(), "c", listed=True)
    assert len(open_now) == 2


def test_an_ipv6_host_has_one_address_among_many() -> None:
    assert origin("2001:db8::1") == origin("2001:db8::ffff:1") != origin("2001:db8:0:1::1")
    assert origin("::ffff:192.0.2.1") == origin("192.0.2.1") != origin("192.0.2.2")


async def test_the_gate_counts_what_is_open(gate: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.gate.port)
    await reader.readline()
    assert "wod_mailgate_connections 1.0" in (await gate.http.get("/metrics")).text
    writer.close()
    await _until_closed(gate)
    assert "wod_mailgate_connections 0.0" in (await gate.http.get("/metrics")).text


def test_a_peer_may_send_so_much_nonsense_a_minute() -> None:
    now = 0.0
    refusals = Refusals(lambda: now)
    assert all(refusals.spend("a") for _ in range(REFUSALS_PER_MINUTE))
    assert not refusals.spend("a")
    assert refusals.spend("b")
    now = 2.5
    assert [refusals.spend("a") for _ in range(3)] == [True, True, False]


async def test_a_flood_of_nonsense_is_not_logged_and_does_not_hinder(gate: Any, agent: Any, signed: str) -> None:
    gate.gate.hooks.intake.refusals.clock = lambda: 0.0
    with structlog.testing.capture_logs() as lines:
        said = [await gate.send("Subject: hello\r\n\r\nx\r\n") for _ in range(REFUSALS_PER_MINUTE + 5)]
    assert [answer[:3] for answer in said] == ["550"] * REFUSALS_PER_MINUTE + ["421"] * 5
    assert len([line for line in lines if line["event"] == "mail decided"]) == REFUSALS_PER_MINUTE
    assert (await gate.send(signed)).startswith("250 ")


@pytest.mark.timeout(600)
async def test_slow_connections_do_not_keep_a_command_out(gate_process: Any, agent: Any, signed: str) -> None:
    """``WOD_GATE_SLOW_CONNECTIONS=5000`` makes it a siege; a third come from the sender's own address."""
    _allow_descriptors(SLOW + 500)
    with ExitStack() as stack:
        async with gate_process() as (process, port):
            before = _resident(process.pid)
            await asyncio.to_thread(_besiege, port, stack)
            seconds = [await _timed_send(port, signed) for _ in range(3)]
            # one of them may meet this machine's other work
            assert min(seconds) < 2, seconds
            assert len(agent.commands) == 3
            assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 600
            assert _resident(process.pid) - before < 200 * 2**20


def _besiege(port: int, stack: ExitStack) -> None:
    begun = _ENVELOPE + b"Subject: hello\r\n\r\n" + b"x\r\n" * 1000
    for number in range(SLOW):
        source = "127.0.0.1" if number % 3 == 0 else f"127.0.{number // 200}.{2 + number % 200}"
        connection = socket.create_connection(("127.0.0.1", port), 30, (source, 0))
        stack.callback(connection.close)
        connection.sendall(begun)


async def _timed_send(port: int, mail: str) -> float:
    start = time.monotonic()
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=30)
    async with client:
        _, text = await client.sendmail("a@b.example", ["wodadmin@x.example"], mail.encode())
    assert text.endswith(" accepted")
    return time.monotonic() - start


def _allow_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"{count} descriptors are needed, {hard} are allowed: lower WOD_GATE_SLOW_CONNECTIONS")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))

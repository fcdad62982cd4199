"""Listed peers that say everything at once and do not stay for the answer."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi.responses import JSONResponse, PlainTextResponse

from wod_common.commands import Command, Verb
from wod_mailgate import spool

pytestmark = pytest.mark.usefixtures("listed")

Sent = Callable[..., Awaitable[None]]


def said(subject: str, body: str = "WKSHP-API101\n", headers: str = "", end: str = "\n") -> bytes:
    """All that an original api-db writes: no blank line before the body, no QUIT."""
    text = (
        "EHLO api.example\nMAIL FROM: <wod@api.example>\nRCPT TO: <wodadmin@backend.example>\nDATA\n"
        f"{headers}Subject: {subject}\n{body}.\n"
    )
    return text.replace("\n", end).encode()


def dictate(port: int, raw: bytes, how: str = "greeting") -> None:
    """Writes it in one go, and is gone ``how``: at the greeting's first byte, unread, by a reset, or half."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        if how in {"greeting", "reset"}:
            assert connection.recv(1) == b"2"
        if how == "half":
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def until(condition: Callable[[], Any]) -> None:  # poll: the gate works on after its peer has gone
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - files and another process's doings have no event
            await asyncio.sleep(0.02)


def spooled(settings: dict[str, Any]) -> list[Path]:
    return sorted((settings["state"] / "spool").glob("*.json"))


def refused(settings: dict[str, Any]) -> list[Path]:
    return sorted((settings["state"] / "refused").glob("*.json"))


@pytest.fixture
def no_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "GAPS_SECONDS", (0.01,))


@pytest.mark.parametrize("how", ["greeting", "unread", "reset", "half"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
async def test_nobody_who_hangs_up_is_unheard(
    gate: Any, agent: Any, settings: dict[str, Any], how: str, end: str
) -> None:
    for registration in range(1, 11):
        raw = said(f"CREATE {registration} {registration} a@b.example", end=end)
        await asyncio.to_thread(dictate, gate.gate.port, raw, how)
    await until(lambda: len(agent.commands) >= 10)
    assert {taken["registration"] for taken in agent.commands} == set(range(1, 11))
    assert {(taken["verb"], taken["workshop"], taken["authority"]) for taken in agent.commands} == {
        ("CREATE", "WKSHP-API101", "listed")
    }
    await until(lambda: not spooled(settings))


async def test_an_answer_is_there_for_who_stays(gate: Any) -> None:
    answer = await gate.talk(said("CREATE 5 12") + b"QUIT\n")
    assert answer.startswith("220 ")
    assert answer.splitlines()[-2].endswith(" spooled")
    assert answer.splitlines()[-2].startswith("250 2.0.0 ")


async def test_a_mail_longer_than_a_packet_is_heard_whole(gate: Any, agent: Any) -> None:
    raw = said("CREATE 5 12", headers="".join(f"X-{number}: {'x' * 900}\n" for number in range(40)))
    await asyncio.to_thread(dictate, gate.gate.port, raw)
    await until(lambda: agent.commands)


async def test_several_mails_in_one_breath_are_heard(gate: Any, agent: Any) -> None:
    raw = said("CREATE 5 12") + said("CREATE 6 13") + said("CLEANUP 5 12")
    await asyncio.to_thread(dictate, gate.gate.port, raw)
    await until(lambda: len(agent.commands) == 3)


async def test_a_polite_peer_that_leaves_before_the_answer_is_spooled(
    gate: Any, agent: Any, settings: dict[str, Any]
) -> None:
    agent.released.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.gate.port)
    await reader.readline()
    for line in (b"HELO x", b"MAIL FROM:<a@b>", b"RCPT TO:<wodadmin@x>", b"DATA"):
        writer.write(line + b"\r\n")
        await reader.readline()
    writer.write(b"Subject: CREATE 5 12\r\n\r\nWKSHP-API101\r\n.\r\n")
    await agent.arrived.wait()
    assert spooled(settings) == []
    writer.close()
    await until(lambda: len(spooled(settings)) == 1)
    agent.released.set()
    await until(lambda: not spooled(settings))
    assert len({taken["id"] for taken in agent.commands}) == 1


async def test_a_mail_without_its_end_is_no_command(gate: Any, agent: Any) -> None:
    with structlog.testing.capture_logs() as lines:
        await asyncio.to_thread(dictate, gate.gate.port, said("PURGE 5 12")[:-2])
        await until(lambda: "in the middle of a mail" in str(lines))
    assert agent.commands == []


async def test_nothing_is_heard_for_another_recipient(gate: Any, agent: Any) -> None:
    await asyncio.to_thread(dictate, gate.gate.port, said("PURGE 5 12").replace(b"wodadmin", b"root"))
    await asyncio.to_thread(dictate, gate.gate.port, said("CREATE 6 13"))
    await until(lambda: agent.commands)
    assert [taken["verb"] for taken in agent.commands] == [Verb.CREATE]


@pytest.mark.usefixtures("no_gaps")
async def test_a_command_waits_for_the_agent(gate: Any, agent: Any, settings: dict[str, Any]) -> None:
    agent.answer = lambda _: PlainTextResponse("away", 503)
    await asyncio.to_thread(dictate, gate.gate.port, said("CREATE 5 12"))
    await until(lambda: len(agent.commands) > 2)
    [file] = spooled(settings)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    metrics = (await gate.http.get("/metrics")).text
    assert "wod_mailgate_spooled 1.0" in metrics
    oldest = next(line for line in metrics.splitlines() if line.startswith("wod_mailgate_spool_oldest_seconds "))
    assert float(oldest.split()[1]) > 0
    agent.answer = None
    await until(lambda: not spooled(settings))
    assert len({taken["id"] for taken in agent.commands}) == 1
    assert "wod_mailgate_spooled 0.0" in (await gate.http.get("/metrics")).text


@pytest.mark.usefixtures("no_gaps")
async def test_a_cleanup_does_not_overtake_its_create(gate: Any, agent: Any, settings: dict[str, Any]) -> None:
    agent.answer = _away_for(5)
    for subject in ("CREATE 5 12", "CLEANUP 5 12", "RESET 4,6 12", "PURGE 6 13", "CREATE 7 14"):
        await asyncio.to_thread(dictate, gate.gate.port, said(subject))
    await until(lambda: any(taken["student"] == 7 for taken in agent.commands) and len(agent.commands) > 4)
    assert {(taken["verb"], taken["student"]) for taken in agent.commands} == {("CREATE", 5), ("CREATE", 7)}
    await until(lambda: len(spooled(settings)) == 4)
    agent.commands.clear()
    agent.answer = None
    await until(lambda: not spooled(settings))
    assert [taken["verb"] for taken in agent.commands] == ["CREATE", "CLEANUP", "RESET", "PURGE"]


def _away_for(student: int) -> Callable[[dict[str, Any]], Any]:
    def answer(taken: dict[str, Any]) -> Any:
        if taken["student"] == student:
            return PlainTextResponse("", 503)
        return JSONResponse({"id": taken["id"], "state": "accepted"}, 202)

    return answer


async def test_a_polite_command_does_not_overtake_a_spooled_one(gate: Any, agent: Any) -> None:
    agent.answer = lambda _: PlainTextResponse("", 503)
    await asyncio.to_thread(dictate, gate.gate.port, said("CREATE 5 12"))
    await until(lambda: agent.commands)
    agent.answer = None
    polite = "Subject: CLEANUP 5 12\r\n\r\nWKSHP-API101\r\n"
    assert (await gate.send(polite)).startswith("451 4.3.0 earlier commands for student 5 wait")
    assert (await gate.send(polite.replace("5", "6"))).startswith("250 ")


async def test_a_refused_command_is_kept_aside(gate: Any, agent: Any, settings: dict[str, Any]) -> None:
    agent.refuse(409, "registration 12 does not hold student 5")
    with structlog.testing.capture_logs() as lines:
        await asyncio.to_thread(dictate, gate.gate.port, said("PURGE 5 12"))
        await until(lambda: refused(settings) and not spooled(settings) and "spooled command refused" in str(lines))
    [line] = [line for line in lines if line["event"] == "spooled command refused"]
    assert line["log_level"] == "error"
    assert line["reason"] == "registration 12 does not hold student 5"
    [file] = refused(settings)
    kept = json.loads(file.read_text())
    assert kept["refused"] == line["reason"]
    assert kept["command"]["verb"] == "PURGE"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "wod_mailgate_spool_refused 1.0" in (await gate.http.get("/metrics")).text


async def test_the_refused_that_are_kept_are_bounded(
    gate: Any, agent: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wod_mailgate.spool_files.REFUSED_FILES", 2)
    agent.refuse(422, "no")
    for registration in range(1, 5):
        await asyncio.to_thread(dictate, gate.gate.port, said(f"PURGE 5 {registration}"))
    await until(lambda: len(agent.commands) == 4 and not spooled(settings) and len(refused(settings)) == 2)
    assert [json.loads(path.read_text())["command"]["registration"] for path in refused(settings)] == [3, 4]


async def test_a_full_spool_says_so(
    gate: Any, agent: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SPOOL_FILES", 1)
    agent.answer = lambda _: PlainTextResponse("", 503)
    await asyncio.to_thread(dictate, gate.gate.port, said("CREATE 5 12"))
    await until(lambda: agent.commands)
    with structlog.testing.capture_logs() as lines:
        answer = await gate.talk(said("CREATE 6 13") + b"QUIT\n")
    assert answer.splitlines()[-2].startswith("451 4.3.0 the spool is full")
    assert any(line["log_level"] == "error" and "the spool is full" in line["detail"] for line in lines)
    assert len(spooled(settings)) == 1


async def test_a_disk_that_takes_nothing_is_told(
    gate: Any, agent: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wod_mailgate.spool_files.os.fsync", full)
    said_twice = said("CREATE 5 12")
    answers = await asyncio.gather(*(gate.talk(said_twice + b"QUIT\n") for _ in range(3)))
    for answer in answers:
        assert answer.splitlines()[-2] == "451 4.3.0 the command cannot be spooled (No space left on device)"
    monkeypatch.undo()
    assert (await gate.talk(said_twice + b"QUIT\n")).splitlines()[-2].endswith(" spooled")
    await until(lambda: agent.commands and not list((settings["state"] / "spool").iterdir()))


async def test_a_restart_goes_on_with_the_spool(open_gate: Any, agent: Any, settings: dict[str, Any]) -> None:
    agent.answer = lambda _: PlainTextResponse("", 503)
    async with open_gate() as gate:
        for subject in ("CREATE 5 12", "CLEANUP 5 12", "PURGE 5 12"):
            await asyncio.to_thread(dictate, gate.gate.port, said(subject))
        await until(lambda: len(spooled(settings)) == 3)
    (settings["state"] / "spool" / "1-broken.json").write_text("{")
    (settings["state"] / "spool" / "2-cut-off.new").write_text("{")
    agent.reset()
    async with open_gate():
        await until(lambda: not spooled(settings))
    assert [taken["verb"] for taken in agent.commands] == ["CREATE", "CLEANUP", "PURGE"]
    assert [path.name for path in (settings["state"] / "spool").iterdir()] == ["1-broken.unreadable"]


async def test_two_gates_do_not_share_a_spool(gate: Any, open_gate: Any) -> None:
    assert gate
    with pytest.raises(RuntimeError, match="another mail gate uses"):
        async with open_gate():
            pass


async def test_a_killed_gate_has_lost_nothing(agent: Any, settings: dict[str, Any], gate_process: Any) -> None:
    agent.answer = lambda _: PlainTextResponse("", 503)
    async with gate_process() as (process, port):
        for registration in range(1, 21):
            await asyncio.to_thread(dictate, port, said(f"CREATE {registration} {registration}"))
        await until(lambda: len(spooled(settings)) == 20)
        process.kill()
        await process.communicate()
    agent.reset()
    async with gate_process():
        await until(lambda: not spooled(settings))
    assert sorted(taken["registration"] for taken in agent.commands) == list(range(1, 21))


@pytest.mark.parametrize(
    "subject", ["RESET [object Promise] 3", "PURGE [object Promise] 3", "CREATE undefined 3", "RESET NaN,9 3", "{}", ""]
)
async def test_nonsense_of_the_original_is_logged_and_stops_nothing(gate: Any, agent: Any, subject: str) -> None:
    with structlog.testing.capture_logs() as lines:
        for spoken in ("CLEANUP 5 3", subject, "CREATE 5 4"):
            await asyncio.to_thread(dictate, gate.gate.port, said(spoken))
        await until(lambda: len(agent.commands) == 2 and "does not listen" in str(lines))
    assert [taken["verb"] for taken in agent.commands] == ["CLEANUP", "CREATE"]
    [line] = [line for line in lines if "does not listen" in line["event"]]
    assert (line["log_level"], line["reply"], line["peer"]) == ("error", "550", "127.0.0.1")
    answer = await gate.talk(said(subject) + b"QUIT\n")
    assert answer.splitlines()[-2].startswith("550 5.7.1 ")


async def _ids(gate: Any, *mails: bytes) -> list[str]:
    answers = [(await gate.talk(mail + b"QUIT\n")).splitlines()[-2] for mail in mails]
    return [answer.split()[2] for answer in answers if answer.startswith("250 2.0.0 ")]


async def test_a_mail_that_comes_twice_is_one_command(gate: Any) -> None:
    named = {"headers": "Message-ID: <x@localhost>\n"}
    one, again, other, dated, dated_again, dated_later, bare, bare_again = await _ids(
        gate,
        said("CREATE 5 12", **named),
        said("CREATE 5 12 a@b.example", **named),
        said("CLEANUP 5 12", **named),
        said("CREATE 5 12", headers="Date: Sun, 22 Nov 2026 18:00:00 +0000\n"),
        said("CREATE 5 12", headers="Date: Sun, 22 Nov 2026 18:00:00 +0000\n"),
        said("CREATE 5 12", headers="Date: Sun, 22 Nov 2026 18:00:01 +0000\n"),
        said("CREATE 5 12"),
        said("CREATE 5 12"),
    )
    assert one == again
    assert dated == dated_again
    assert bare == bare_again
    assert len({one, other, dated, dated_later, bare}) == 5


async def test_a_mail_without_any_mark_is_meant_when_it_comes_again_later(gate: Any) -> None:
    unsigned = gate.gate.hooks.intake.unsigned
    moments = iter([1000.0, 1119.0, 1121.0])
    unsigned.clock = lambda: next(moments)
    one, again, later = await _ids(gate, *[said("RESET 5,9 12")] * 3)
    assert one == again
    assert later != one


async def test_a_signed_mail_of_a_listed_peer_is_not_spooled(
    gate: Any, agent: Any, settings: dict[str, Any], command: Command, signer: Any, write: Callable[..., str]
) -> None:
    agent.refuse(503, "away")
    mail = write(signer.sign(command)).split("\n")
    raw = "EHLO x\nMAIL FROM:<a@b>\nRCPT TO:<wodadmin@x>\nDATA\n" + "\n".join(mail) + ".\nQUIT\n"
    answer = await gate.talk(raw.encode())
    assert answer.splitlines()[-2].startswith("451 ")
    assert spooled(settings) == []


async def test_a_stranger_is_not_spooled(settings: dict[str, Any], open_gate: Any, agent: Any) -> None:
    settings["legacy_peers"] = "192.0.2.0/24"
    async with open_gate() as gate:
        assert (await gate.talk(said("PURGE 5 12"))).splitlines()[-1].startswith("550 5.5.2 bare LF")
        said_in_order = await gate.talk(said("PURGE 5 12", end="\r\n") + b"QUIT\r\n")
    assert "550 5.7.1 127.0.0.1 is not listed" in said_in_order
    assert agent.commands == []
    assert spooled(settings) == []

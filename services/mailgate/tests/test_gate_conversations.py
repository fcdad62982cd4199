"""SMTP conversations with a gate that runs, and an agent that answers as told."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi.responses import JSONResponse, PlainTextResponse

from wod_common.commands import Command, Verb
from wod_common.tokens import CommandSigner, generate_private_pem

Send = Callable[..., Awaitable[str]]
Write = Callable[..., str]


@pytest.fixture
def signed(write: Write, signer: CommandSigner, command: Command) -> str:
    return write(signer.sign(command))


async def test_a_signed_command_reaches_the_agent_whole(agent: Any, send: Send, signed: str, command: Command) -> None:
    assert await send(signed) == f"250 2.0.0 {command.id} accepted"
    assert [Command.model_validate(taken) for taken in agent.commands] == [command]
    assert agent.authorization == "Bearer agent-token-of-the-tests"


async def test_the_state_that_the_agent_answers_is_told(agent: Any, send: Send, signed: str, command: Command) -> None:
    agent.answer = lambda taken: JSONResponse({"id": taken["id"], "state": "superseded"}, 202)
    assert await send(signed) == f"250 2.0.0 {command.id} superseded"


@pytest.mark.parametrize("status", [400, 403, 409, 422])
async def test_a_refusal_of_the_agent_is_final(agent: Any, send: Send, signed: str, status: int) -> None:
    agent.refuse(status, "student 5:\nnot a séat of this location")
    assert await send(signed) == "550 5.7.1 student 5: not a s?at of this location"


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("no", 401),
        PlainTextResponse("no", 404),
        PlainTextResponse("no problem details", 422),
        PlainTextResponse("no", 500),
        PlainTextResponse("not JSON", 202),
        PlainTextResponse("", 307, {"Location": "http://127.0.0.1:9/"}),
        JSONResponse({"id": "8d0a2f6e-4b1c-4b0e-9a39-2a7d4c9f0001", "state": "accepted"}, 202),
    ],
    ids=["401", "404", "422 of a stranger", "500", "202 without receipt", "redirect", "another command's receipt"],
)
async def test_anything_unexpected_of_the_agent_is_tried_again(
    agent: Any, send: Send, signed: str, answer: Any
) -> None:
    agent.answer = lambda _: answer
    assert (await send(signed)).startswith("451 4.3.0 ")


async def test_an_agent_that_hangs_is_tried_again(
    agent: Any, send: Send, signed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wod_mailgate.agent.TIMEOUT_SECONDS", 0.05)
    agent.released.clear()
    assert (await send(signed)).startswith("451 4.3.0 the agent cannot be reached")
    agent.released.set()


async def test_an_agent_that_is_down_is_tried_again(settings: dict[str, Any], open_gate: Any, signed: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings["agent_url"] = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with open_gate() as gate:
            assert (await gate.send(signed)).startswith("451 4.3.0 the agent cannot be reached")
            assert (await gate.http.get("/readyz")).status_code == 503


async def test_a_fault_of_the_gate_is_tried_again(
    send: Send, signed: str, monkeypatch: pytest.MonkeyPatch, agent: Any
) -> None:
    def broken(_: bytes) -> None:
        raise RecursionError

    monkeypatch.setattr("wod_mailgate.intake.read_mail", broken)
    assert (await send(signed)).startswith("451 4.3.0 ")
    assert agent.commands == []


async def test_another_key_is_refused(send: Send, write: Write, command: Command) -> None:
    stranger = CommandSigner.from_pem(generate_private_pem())
    assert (await send(write(stranger.sign(command)))).startswith("550 5.7.1 the token's key is not known")


async def test_another_locations_token_is_refused(
    send: Send, write: Write, signer: CommandSigner, command: Command
) -> None:
    elsewhere = command.model_copy(update={"location": 4})
    assert (await send(write(signer.sign(elsewhere)))).startswith("550 5.7.1 the token is not valid: Audience")


async def test_an_expired_token_is_refused(send: Send, write: Write, signer: CommandSigner, command: Command) -> None:
    token = signer.sign(command, now=datetime.now(UTC) - timedelta(minutes=13))
    assert (await send(write(token))).startswith("550 5.7.1 the token is not valid: Signature has expired")


@pytest.mark.parametrize(
    ("tampered", "differing"),
    [
        ({"subject": "CREATE 6 12"}, "student"),
        ({"subject": "CREATE 5 13"}, "registration"),
        ({"subject": "PURGE 5 12"}, "verb"),
        ({"body": "WKSHP-Other\n"}, "workshop"),
        ({"subject": "CLEANUP 7 12", "body": "WKSHP-Other\n"}, "verb, student, workshop"),
    ],
)
async def test_a_mail_that_differs_from_its_token_is_refused(
    agent: Any,
    send: Send,
    write: Write,
    signer: CommandSigner,
    command: Command,
    tampered: dict[str, str],
    differing: str,
) -> None:
    said = await send(write(signer.sign(command), **tampered))
    assert said == f"550 5.7.1 the mail and its token differ in: {differing}"
    assert agent.commands == []


async def test_two_tokens_are_refused(send: Send, write: Write, signer: CommandSigner, command: Command) -> None:
    token = signer.sign(command)
    assert (await send(write(token, token))).startswith("550 5.7.1 a command mail has one X-WoD-Command")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "e30.e30.", "=?utf-8?q?e30?="])
async def test_a_token_that_is_none_is_refused(send: Send, write: Write, token: str) -> None:
    assert (await send(write(token))).startswith("550 5.7.1 ")


@pytest.mark.usefixtures("listed")
async def test_a_listed_peer_does_not_make_a_wrong_token_right(
    send: Send, write: Write, agent: Any, command: Command
) -> None:
    stranger = CommandSigner.from_pem(generate_private_pem())
    assert (await send(write(stranger.sign(command)))).startswith("550 ")
    assert agent.commands == []


async def test_a_folded_token_is_taken(send: Send, write: Write, signer: CommandSigner, command: Command) -> None:
    token = signer.sign(command)
    assert (await send(write(f"\n {token[:70]}\n {token[70:]}"))).startswith("250 ")


async def test_a_mail_that_comes_twice_names_the_same_command(agent: Any, send: Send, signed: str) -> None:
    assert await send(signed) == await send(signed)
    assert agent.commands[0] == agent.commands[1]


async def test_a_rotated_key_is_taken_without_a_restart(
    send: Send, write: Write, signed: str, command: Command, signer: CommandSigner, keys_file: Path
) -> None:
    assert (await send(signed)).startswith("250 ")
    new = CommandSigner.from_pem(generate_private_pem())
    keys_file.write_text(json.dumps({"keys": signer.jwks()["keys"] + new.jwks()["keys"]}))
    assert (await send(write(new.sign(command)))).startswith("250 ")
    assert (await send(signed)).startswith("250 ")
    keys_file.write_text(json.dumps(new.jwks()))
    assert (await send(signed)).startswith("550 ")


@pytest.mark.parametrize("content", ["", "[]", '{"keys": []}', '{"keys": 1}'])
async def test_without_keys_a_command_is_tried_again(gate: Any, signed: str, keys_file: Path, content: str) -> None:
    keys_file.write_text(content)
    assert (await gate.send(signed)).startswith("451 4.3.0 the gate cannot read its command keys")
    ready = await gate.http.get("/readyz")
    assert ready.status_code == 503
    assert "not ready" in ready.json()["parts"]["command_keys"]


async def test_an_unsigned_command_from_loopback_is_refused(agent: Any, send: Send, write: Write) -> None:
    assert (await send(write())).startswith("550 5.7.1 127.0.0.1 is not listed")
    assert agent.commands == []


async def test_loopback_is_refused_though_its_network_is_listed(
    settings: dict[str, Any], open_gate: Any, write: Write, tmp_path: Path
) -> None:
    settings |= {"legacy_peers": "0.0.0.0/0, ::/0", "state": tmp_path / "state"}
    async with open_gate() as gate:
        assert (await gate.send(write())).startswith("550 5.7.1 127.0.0.1 is not listed")


async def test_a_forged_sender_gains_nothing(send: Send, write: Write) -> None:
    forged = "Received: from api.example ([192.0.2.1])\nSender: wod@api.example\nX-Originating-IP: 192.0.2.1\n"
    assert (await send(write(headers=forged))).startswith("550 5.7.1 127.0.0.1 is not listed")


@pytest.mark.usefixtures("listed")
async def test_a_listed_peers_command_is_named_after_its_message_id(agent: Any, send: Send, write: Write) -> None:
    for headers in ("Message-ID: <one@x>\n", "Message-ID: <one@x>\n", "Message-ID: <two@x>\n", "", ""):
        assert (await send(write(headers=headers))).startswith("250 ")
    one, again, two, content, content_again = (taken["id"] for taken in agent.commands)
    assert one == again
    assert content == content_again
    assert len({one, two, content}) == 3
    assert Command.model_validate(agent.commands[0]).authority == "listed"


@pytest.fixture
def range_reset(command: Command) -> Command:
    return command.model_copy(update={"verb": Verb.RESET, "student": 3, "last": 9})


async def test_a_signed_range_reset_reaches_the_agent_whole(
    agent: Any, send: Send, write: Write, signer: CommandSigner, range_reset: Command
) -> None:
    said = await send(write(signer.sign(range_reset), subject="RESET 3,9 12"))
    assert said == f"250 2.0.0 {range_reset.id} accepted"
    assert [Command.model_validate(taken) for taken in agent.commands] == [range_reset]


@pytest.mark.parametrize(
    ("subject", "differing"),
    [("RESET 3,8 12", "last"), ("RESET 3 12", "last"), ("RESET 2,9 12", "student"), ("RESET 3,9 13", "registration")],
)
async def test_a_range_reset_must_be_the_one_that_was_signed(
    agent: Any, send: Send, write: Write, signer: CommandSigner, range_reset: Command, subject: str, differing: str
) -> None:
    said = await send(write(signer.sign(range_reset), subject=subject))
    assert said == f"550 5.7.1 the mail and its token differ in: {differing}"
    assert agent.commands == []


async def test_the_signature_of_one_seats_reset_is_none_for_a_range(
    agent: Any, send: Send, write: Write, signer: CommandSigner, range_reset: Command
) -> None:
    single = range_reset.model_copy(update={"last": None})
    said = await send(write(signer.sign(single), subject="RESET 3,9 12"))
    assert said == "550 5.7.1 the mail and its token differ in: last"
    assert agent.commands == []


@pytest.mark.usefixtures("listed")
async def test_a_listed_peer_resets_a_range(agent: Any, send: Send, write: Write) -> None:
    assert (await send(write(subject="RESET 3,9 12"))).startswith("250 ")
    command = Command.model_validate(agent.commands[0])
    assert (command.verb, command.student, command.last, command.registration) == (Verb.RESET, 3, 9, 12)
    assert command.authority == "listed"


@pytest.mark.usefixtures("listed")
async def test_an_unsigned_purge_names_its_workshop(agent: Any, send: Send, write: Write) -> None:
    assert "the body is empty" in await send(write(subject="PURGE 5 12", body=""))
    assert (await send(write(subject="PURGE 5 12"))).startswith("250 ")
    assert agent.commands[0]["verb"] == Verb.PURGE


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("base64", "V0tTSFAt\nQVBJMTAx\n"), ("quoted-printable", "\n=57KSHP-=\nAPI101=0D=0Aregards\n")],
)
async def test_an_encoded_body_is_read(
    send: Send, write: Write, signer: CommandSigner, command: Command, encoding: str, body: str
) -> None:
    headers = f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n"
    assert (await send(write(signer.sign(command), headers=headers, body=body))).startswith("250 ")


async def test_a_multipart_body_is_read(send: Send, write: Write, signer: CommandSigner, command: Command) -> None:
    headers = 'MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary="b"\n'
    body = (
        "preamble\n--b\nContent-Type: text/html\n\n<p>WKSHP-Other</p>\n"
        "--b\nContent-Type: text/plain; charset=utf-16-le\nContent-Transfer-Encoding: base64\n\n"
        "VwBLAFMASABQAC0AQQBQAEkAMQAwADEA\n--b--\n"
    )
    assert (await send(write(signer.sign(command), headers=headers, body=body))).startswith("250 ")


async def test_decisions_are_logged_and_counted_without_secrets(
    gate: Any, write: Write, signer: CommandSigner, command: Command
) -> None:
    token = signer.sign(command)
    with structlog.testing.capture_logs() as lines:
        await gate.send(write(token, subject="CREATE 5 12 visitor@home.example"))
    [line] = [line for line in lines if line["event"] == "mail decided"]
    expected = {"peer": "127.0.0.1", "message_id": "<one@api.example>", "verb": "CREATE", "student": 5}
    expected |= {"registration": 12, "command": str(command.id), "reply": "250"}
    assert expected.items() <= line.items()
    assert token not in str(lines)
    assert "visitor" not in str(lines)
    metrics = (await gate.http.get("/metrics")).text
    assert 'wod_mailgate_mails_total{reply="250",verb="CREATE"}' in metrics


async def test_a_gate_with_keys_and_agent_is_ready(gate: Any) -> None:
    ready = await gate.http.get("/readyz")
    assert ready.status_code == 200, ready.text
    assert ready.json()["parts"].keys() == {"smtp", "command_keys", "agent"}
    assert (await gate.http.get("/healthz")).status_code == 200


async def test_mails_in_parallel_are_all_taken(agent: Any, send: Send, signed: str) -> None:
    said = await asyncio.gather(*(send(signed) for _ in range(15)))
    assert {line[:3] for line in said} == {"250"}
    assert len(agent.commands) == 15

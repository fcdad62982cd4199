"""One gate before the agents of several locations: the recipient says which, and the token must say the same."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import Response
from fastapi.responses import JSONResponse

from wod_common.commands import Command
from wod_common.tokens import CommandSigner
from wod_mailgate.settings import Settings

HERE, THERE = "wodadmin@grenoble.example", "wodadmin@houston.example"
LOCATION, TOKEN = 3, "agent-token-of-the-tests"
OTHER, OTHER_TOKEN = 4, "token-of-the-other-agent"
Write = Callable[..., str]


@pytest.fixture(autouse=True)
def two(settings: dict[str, Any], agent: Any) -> None:
    further = {"location": OTHER, "recipient": THERE, "agent_url": agent.url, "agent_token": OTHER_TOKEN}
    settings |= {"recipient": HERE, "further": [further]}


@pytest.fixture
def there(command: Command) -> Command:
    return command.model_copy(update={"location": OTHER})


async def test_each_recipient_has_its_agent(
    gate: Any, agent: Any, write: Write, signer: CommandSigner, command: Command, there: Command
) -> None:
    for recipient, its, token in ((HERE, command, TOKEN), (THERE.upper(), there, OTHER_TOKEN)):
        assert (await gate.send(write(signer.sign(its)), to=recipient)).startswith("250 ")
        assert agent.commands[-1]["location"] == its.location
        assert agent.authorization == f"Bearer {token}"


async def test_a_token_opens_no_other_locations_door(
    gate: Any, agent: Any, write: Write, signer: CommandSigner, command: Command, there: Command
) -> None:
    for recipient, its in ((THERE, command), (HERE, there)):
        assert (await gate.send(write(signer.sign(its)), to=recipient)).startswith("550 ")
    assert agent.commands == []


async def test_a_mail_is_for_one_location(gate: Any) -> None:
    said = await gate.talk(
        f"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{HERE}>\r\nRCPT TO:<{THERE}>\r\nRCPT TO:<wodadmin@x>\r\nQUIT\r\n".encode()
    )
    assert [line[:3] for line in said.splitlines()[-4:]] == ["250", "452", "550", "221"]


@pytest.mark.usefixtures("listed")
async def test_a_listed_peer_that_hears_nothing_reaches_the_one_it_has_named(open_gate: Any, agent: Any) -> None:
    """The same seat's number at two locations is two seats: neither waits for the other."""
    agent.answer = answer_of_the_other_alone
    async with open_gate() as gate:
        for recipient in (HERE, THERE):
            raw = (
                f"EHLO api\nMAIL FROM:<a@b>\nRCPT TO:<{recipient}>\nDATA\nSubject: CREATE 5 12\nWKSHP-API101\n.\n"
            ).encode()
            await asyncio.to_thread(dictate, gate.gate.port, raw)
        async with asyncio.timeout(30):
            while {one["location"] for one in agent.commands} != {LOCATION, OTHER}:  # noqa: ASYNC110 - see below
                await asyncio.sleep(0.02)  # poll: the gate works on after its peer has gone


def answer_of_the_other_alone(taken: dict[str, Any]) -> Response:
    if taken["location"] == OTHER:
        return JSONResponse({"id": taken["id"], "state": "accepted"}, 202)
    return Response(status_code=503)


def dictate(port: int, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        assert connection.recv(1) == b"2"


async def test_it_is_ready_when_every_agent_is(gate: Any, settings: dict[str, Any]) -> None:
    ready: httpx.Response = await gate.http.get("/readyz")
    assert ready.status_code == 200
    assert "agent_4" in ready.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipient": "wodadmin"},
        {"recipient": THERE},
        {"location": OTHER},
        {"further": [{"location": 5, "recipient": "nobody", "agent_url": "http://x", "agent_token": TOKEN}]},
        {"further": [{"location": 5, "recipient": THERE, "agent_url": "http://x", "agent_token": "short"}]},
    ],
)
def test_locations_that_cannot_be_told_apart_are_refused(settings: dict[str, Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"WOD_MAILGATE_|further") as refusal:
        Settings(**settings | wrong)
    assert OTHER_TOKEN not in str(refusal.value)


def test_the_others_come_from_the_environment_as_json(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WOD_MAILGATE_FURTHER", json.dumps(settings.pop("further")))
    assert Settings(**settings).further[0].agent_token.get_secret_value() == OTHER_TOKEN

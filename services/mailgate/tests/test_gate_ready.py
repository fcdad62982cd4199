"""Commands that no registration has asked for: of the api-db alone, signed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from wod_common.commands import Command, Verb
from wod_common.tokens import CommandSigner

Send = Callable[..., Awaitable[str]]
Write = Callable[..., str]
NOBODYS = [Verb.PREPARE, Verb.VERIFY, Verb.PURGE]


@pytest.fixture(params=NOBODYS)
def nobodys(request: pytest.FixtureRequest, command: Command) -> Command:
    return command.model_copy(update={"verb": request.param, "registration": None})


async def test_a_signed_command_for_nobody_reaches_the_agent_whole(
    agent: Any, send: Send, write: Write, signer: CommandSigner, nobodys: Command
) -> None:
    said = await send(write(signer.sign(nobodys), subject=f"{nobodys.verb} 5 0"))
    assert said == f"250 2.0.0 {nobodys.id} accepted"
    assert [Command.model_validate(taken) for taken in agent.commands] == [nobodys]


async def test_a_command_for_nobody_must_be_the_one_that_was_signed(
    agent: Any, send: Send, write: Write, signer: CommandSigner, nobodys: Command
) -> None:
    said = await send(write(signer.sign(nobodys), subject=f"{nobodys.verb} 6 0"))
    assert said == "550 5.7.1 the mail and its token differ in: student"
    assert agent.commands == []


async def test_the_signature_of_a_registrations_command_is_none_for_nobody(
    agent: Any, send: Send, write: Write, signer: CommandSigner, command: Command
) -> None:
    purge = command.model_copy(update={"verb": Verb.PURGE})
    said = await send(write(signer.sign(purge), subject="PURGE 5 0"))
    assert said == "550 5.7.1 the mail and its token differ in: registration"
    assert agent.commands == []


@pytest.mark.parametrize("verb", NOBODYS)
async def test_an_unsigned_command_for_nobody_is_refused(agent: Any, send: Send, write: Write, verb: Verb) -> None:
    assert (await send(write(subject=f"{verb} 5 0"))).startswith("550 5.7.1 127.0.0.1 is not listed")
    assert agent.commands == []


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("verb", NOBODYS)
async def test_a_listed_peer_commands_nothing_for_nobody(agent: Any, send: Send, write: Write, verb: Verb) -> None:
    said = await send(write(subject=f"{verb} 5 0"))
    assert said == f"550 5.7.1 {verb} without a registration is taken from the api-db alone, signed"
    assert agent.commands == []

"""A workshop that needs more than the location's delivery can is refused before anything of it is done."""

from pathlib import Path

import pytest
from agent_doubles import a_command, running_agent, settings_for, until
from pydantic import ValidationError

from wod_common.capabilities import Capability, named
from wod_common.commands import Verb
from wod_common.events import EventType


async def test_a_refused_workshop_fails_with_the_reason_and_touches_no_seat(tmp_path: Path) -> None:
    async with running_agent(tmp_path) as agent:
        agent.delivery.refuses = "WKSHP-Hooked cannot be delivered here: hooks in scripts/"
        events = await agent.do(a_command(Verb.CREATE))
        assert events[-1].type is EventType.FAILED
        assert "WKSHP-Hooked cannot be delivered here" in str(events[-1].error)
        assert agent.delivery.calls == []
        assert agent.hub.calls == []


async def test_a_heartbeat_tells_what_the_delivery_can(tmp_path: Path) -> None:
    async with running_agent(tmp_path) as agent:
        await until(lambda: bool(agent.seat_book.heartbeats))
        assert agent.seat_book.heartbeats[-1].capabilities == sorted(Capability)


def test_what_is_missing_is_named_as_an_author_knows_it() -> None:
    assert named({Capability.HOOKS, Capability.COMPILE}) == "compile in wod.yml, hooks in scripts/"


def test_linux_accounts_are_not_made_through_the_hub(tmp_path: Path) -> None:
    assert settings_for(tmp_path, delivery="hub").delivery == "hub"
    with pytest.raises(ValidationError, match="makes no Linux accounts"):
        settings_for(tmp_path, delivery="hub", accounts="linux", uid_base=61_000)

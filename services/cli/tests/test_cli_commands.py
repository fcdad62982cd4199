"""Sending by hand, and following what was sent."""

import asyncio

import pytest
from cli_platform import WORKSHOP, Platform, Terminal

from wod_cli.calls import seat_range
from wod_cli.failures import Misused


async def given_back(platform: Platform) -> None:
    identity = await platform.running()
    await platform.terminal.json("registrations", "end", identity, "--reason", "done")
    await platform.agent.finish("CLEANUP", completion=40)
    await platform.agent.finish("PURGE")


async def test_a_command_is_sent_and_waited_for(platform: Platform, operator: Terminal) -> None:
    await given_back(platform)
    sending = asyncio.create_task(operator.run("command", "send", "purge", WORKSHOP, "1,2", "--wait", "--json"))
    await _until_sent(platform)
    command = await platform.agent.finish("PURGE")
    ran = await sending
    assert ran.status == 0, ran.err
    first, second = ran.document["seats"]
    assert (first["number"], first["outcome"], first["command"], first["state"]) == (1, "sent", str(command), "done")
    assert (second["outcome"], second["command"]) == ("skipped", None)


async def test_one_that_fails_fails_the_call_and_says_why(platform: Platform, operator: Terminal) -> None:
    await given_back(platform)
    sending = asyncio.create_task(operator.run("command", "send", "PURGE", WORKSHOP, "1", "--wait"))
    await _until_sent(platform)
    command, _ = await platform.api.outstanding()
    await platform.agent.report(command, "failed", error="the disk \x1b[31mis full")
    ran = await sending
    assert ran.status == 1
    assert "the disk" in ran.out
    assert "\x1b" not in ran.out + ran.err
    assert "student1" in ran.err


_QUEUED = "SELECT 1 FROM commands WHERE state = 'queued'"


async def _until_sent(platform: Platform) -> None:
    async with asyncio.timeout(60):
        while not await platform.api.rows(_QUEUED):  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)  # poll: until the deadline


async def test_what_does_not_end_in_time_goes_on(platform: Platform, operator: Terminal) -> None:
    await given_back(platform)
    words = ("command", "send", "PURGE", WORKSHOP, "1", "--wait", "--patience", "0.01")
    assert "go on" in await operator.refused(1, *words)
    assert (await platform.api.outstanding())[1] == "PURGE"


async def test_seats_that_somebody_is_in_are_named(platform: Platform, operator: Terminal) -> None:
    await platform.running()
    assert "student1" in await operator.refused(1, "command", "send", "RESET", WORKSHOP)
    receipt = await operator.json("command", "send", "RESET", WORKSHOP, "1", "--force")
    assert [seat["outcome"] for seat in receipt["seats"]] == ["ended"]


async def test_create_leads_to_a_registration(platform: Platform, operator: Terminal) -> None:
    assert "registrations" in await operator.refused(1, "command", "send", "CREATE", WORKSHOP)
    words = ("registrations", "add", WORKSHOP, "--email", "me@example.org", "--name", "Me", "--terms", "1")
    added = await operator.json(*words)
    assert added["state"] == "registered"
    assert "token" not in added
    assert (await platform.api.outstanding())[1] == "CREATE"


async def test_a_verb_nobody_knows_is_named(operator: Terminal) -> None:
    assert "verb" in await operator.refused(1, "command", "send", "EXPLODE", WORKSHOP)


async def test_commands_are_listed_shown_and_tried_again(platform: Platform, operator: Terminal) -> None:
    await platform.running()
    identity = await platform.running("bea@example.org")
    [listed] = (await operator.json("command", "list", "--registration", identity))["items"]
    assert (listed["verb"], listed["state"]) == ("CREATE", "done")
    assert len((await operator.json("command", "list", "--verb", "create", "--limit", "1"))["items"]) == 1
    assert len((await operator.json("command", "show", listed["id"]))["reports"]) == 2
    assert "not sent any more" in await operator.refused(1, "command", "retry", listed["id"])
    await operator.json("registrations", "end", identity, "--reason", "asked for")
    waiting, _ = await platform.api.outstanding()
    assert (await operator.json("command", "retry", waiting))["state"] == "queued"


async def test_a_list_goes_beyond_a_page(platform: Platform, operator: Terminal) -> None:
    await platform.api.change(
        "INSERT INTO notices (kind, text) SELECT 'test', 'notice ' || n FROM generate_series(1, 620) n"
    )
    listed = (await operator.json("notices", "list", "--limit", 600))["items"]
    assert len({item["id"] for item in listed}) == 600


@pytest.mark.parametrize(
    ("given", "meant"), [(None, (None, None)), ("7", (7, 7)), ("1,3", (1, 3)), ("3,1", (3, 1)), ("000007", (7, 7))]
)
def test_a_range_is_read(given: str | None, meant: tuple[int | None, int | None]) -> None:
    assert seat_range(given) == meant


@pytest.mark.parametrize(
    "given", ["", ",", "1,", ",3", "1,2,3", "one", "-1", "1.5", "1234567", "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_what_is_no_range_is_named(given: str) -> None:
    with pytest.raises(Misused, match="is no seat"):
        seat_range(given)


async def test_a_wrong_range_is_a_mistake_in_the_command(operator: Terminal) -> None:
    assert "'1-3'" in await operator.refused(2, "command", "send", "PURGE", WORKSHOP, "1-3")

"""Seats that are made ahead: handed over, taken back, looked at."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent_doubles import Agent, a_command, a_range_reset, for_nobody, running_agent, until

from wod_common.commands import Command, Verb
from wod_common.events import CommandEvent, EventType

MADE = [("create", 7), ("inspect", 7)]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "notebooks" / "WKSHP-API101" / "1-Lab.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    return path


@pytest.fixture
async def agent(tmp_path: Path, notebook: Path) -> AsyncIterator[Agent]:
    async with running_agent(tmp_path) as agent:
        yield agent


def password_of(events: list[CommandEvent]) -> str | None:
    return events[-1].password.get_secret_value() if events[-1].password else None


async def prepare(agent: Agent, order: tuple[int, int] = (1, 1)) -> CommandEvent:
    [*_, done] = await agent.do(for_nobody(order=order))
    assert done.type is EventType.DONE, done.error
    return done


async def test_a_prepared_seat_is_handed_over_without_a_delivery(agent: Agent) -> None:
    done = await prepare(agent)
    assert done.content_version
    assert done.password is None
    events = await agent.do(a_command(order=(2, 1)))
    assert [event.type for event in events] == [EventType.ACCEPTED, EventType.DONE]
    assert agent.delivery.calls == MADE
    [password] = agent.delivery.passwords
    assert password_of(events) == password
    assert await agent.log_in(7, password)


async def test_nobody_gets_into_a_prepared_seat(agent: Agent) -> None:
    await prepare(agent)
    [password] = agent.delivery.passwords
    assert not await agent.log_in(7, password)
    journal = b"".join(path.read_bytes() for path in (agent.folder / "state").glob("journal*"))
    assert password.encode() not in journal


async def test_a_seat_is_handed_over_once(agent: Agent) -> None:
    await prepare(agent)
    await agent.do(a_command(order=(2, 1)))
    events = await agent.do(a_command(order=(2, 2)))
    assert agent.delivery.calls == [*MADE, ("create", 7)]
    assert password_of(events) != agent.delivery.passwords[0]


async def test_a_handed_over_seat_is_closed_at_the_heartbeats_word(tmp_path: Path, notebook: Path) -> None:
    async with running_agent(tmp_path) as agent:
        await prepare(agent)
        [password] = agent.delivery.passwords
        await agent.do(a_command(order=(2, 1)))
        assert await agent.log_in(7, password)
    async with running_agent(tmp_path, 0.05) as agent:
        await until(lambda: ("evict", "student7") in agent.hub.calls)
        assert not await agent.log_in(7, password)


async def test_a_prepared_seat_is_left_alone_by_the_heartbeat(tmp_path: Path, notebook: Path) -> None:
    async with running_agent(tmp_path, 0.05) as agent:
        await prepare(agent)
        before = len(agent.seat_book.heartbeats)
        await until(lambda: len(agent.seat_book.heartbeats) > before + 5)
        assert agent.hub.calls == []
        assert (await agent.do(a_command(order=(2, 1))))[-1].content_version


@pytest.mark.parametrize(
    "changed",
    [
        "notebooks/WKSHP-API101/1-Lab.ipynb",
        "notebooks/WKSHP-API101/wod.yml",
        "notebooks/ansible/group_vars/all.yml",
        "notebooks/ansible/variables_WKSHP-API101.yml",
        "notebooks/scripts/post-copy-WKSHP-API101.sh",
        "notebooks/scripts/functions.sh",
        "private/skeleton/.bashrc",
        "private/ansible/variables_student7.yml",
    ],
)
async def test_a_seat_with_older_content_is_made_anew(tmp_path: Path, notebook: Path, changed: str) -> None:
    (tmp_path / "private").mkdir()
    async with running_agent(tmp_path, private=tmp_path / "private") as agent:
        await prepare(agent)
        path = tmp_path / changed
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# new")
        path.chmod(0o755)
        if "post-copy" in changed:
            path.write_text("#!/bin/sh\n")
        events = await agent.do(a_command(order=(2, 1)))
        assert events[-1].type is EventType.DONE
        assert events[-1].content_version is None
        assert agent.delivery.calls == [*MADE, ("create", 7)]
        assert password_of(events) == agent.delivery.passwords[1]


@pytest.mark.parametrize(
    "other",
    [
        "notebooks/WKSHP-Other/1.ipynb",
        "notebooks/ansible/variables_WKSHP-Other.yml",
        "notebooks/scripts/create-WKSHP-Other.sh",
    ],
)
async def test_what_is_named_for_another_workshop_does_not_count(agent: Agent, tmp_path: Path, other: str) -> None:
    await prepare(agent)
    (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / other).write_text("# new")
    assert (await agent.do(a_command(order=(2, 1))))[-1].content_version


async def test_a_change_that_keeps_size_and_time_is_seen(agent: Agent, notebook: Path) -> None:
    before = notebook.stat().st_mtime_ns
    await prepare(agent)
    notebook.write_text("[]")
    os.utime(notebook, ns=(before, before))
    assert (await agent.do(a_command(order=(2, 1))))[-1].content_version is None


async def test_a_challenge_is_another_thing_than_its_workshop(agent: Agent) -> None:
    await prepare(agent)
    challenge = a_command(order=(2, 1)).model_copy(update={"workshop": "CHLG-API101"})
    assert (await agent.do(challenge))[-1].content_version is None
    assert agent.delivery.calls == [*MADE, ("create", 7)]


async def test_content_that_changes_under_its_delivery_is_not_prepared(agent: Agent, notebook: Path) -> None:
    agent.delivery.held.add(7)
    command = for_nobody()
    await agent.send(command)
    await until(lambda: agent.delivery.calls == [("create", 7)])
    notebook.write_text("changed")
    agent.delivery.let_go.set()
    await until(lambda: agent.reporter.ended(command))
    assert "was changed while it was being delivered" in str(agent.reporter.events[command.id][-1].error)
    assert (await agent.do(a_command(order=(2, 1))))[-1].content_version is None


@pytest.mark.parametrize(
    "cleaning",
    [
        for_nobody(Verb.PURGE, order=(1, 2)),
        a_command(Verb.CLEANUP, order=(1, 2)),
        a_command(Verb.RESET, order=(1, 2)),
        a_range_reset(),
    ],
    ids=["purge", "cleanup", "reset", "range"],
)
async def test_a_cleaned_seat_is_not_handed_over(agent: Agent, cleaning: Command) -> None:
    await prepare(agent)
    [*_, done] = await agent.do(cleaning)
    assert done.type is EventType.DONE
    assert (await agent.do(a_command(order=(9, 1))))[-1].content_version is None
    assert agent.delivery.calls[-1] == ("create", 7)


async def test_a_create_ends_the_preparation_of_its_seat(agent: Agent) -> None:
    agent.delivery.held.add(7)
    preparing = for_nobody()
    await agent.send(preparing)
    await until(lambda: agent.delivery.busy == {7})
    agent.delivery.held.clear()
    events = await agent.do(a_command(order=(2, 1)))
    assert events[-1].type is EventType.DONE
    assert events[-1].content_version is None
    assert agent.reporter.types(preparing)[-1] is EventType.SUPERSEDED
    assert agent.delivery.cancelled == [7]


async def test_a_preparation_that_failed_is_not_handed_over(agent: Agent) -> None:
    agent.delivery.fails = True
    assert (await agent.do(for_nobody()))[-1].type is EventType.FAILED
    agent.delivery.fails = False
    assert (await agent.do(a_command(order=(2, 1))))[-1].content_version is None


async def test_a_prepared_seat_survives_its_agent(tmp_path: Path, notebook: Path) -> None:
    async with running_agent(tmp_path) as agent:
        await prepare(agent)
        [password] = agent.delivery.passwords
    async with running_agent(tmp_path) as agent:
        assert password_of(await agent.do(a_command(order=(2, 1)))) == password
        assert agent.delivery.calls == []


async def test_a_preparation_that_was_cut_off_is_made_again(tmp_path: Path, notebook: Path) -> None:
    command = for_nobody()
    async with running_agent(tmp_path) as agent:
        agent.delivery.held.add(7)
        await agent.send(command)
        await until(lambda: agent.delivery.busy == {7})
    async with running_agent(tmp_path) as agent:
        await until(lambda: agent.reporter.ended(command))
        assert agent.delivery.calls == MADE
        assert (await agent.do(a_command(order=(2, 1))))[-1].content_version


async def test_hooks_run_when_the_seat_is_made_and_are_undone_when_it_is_taken_back(
    agent: Agent, tmp_path: Path, notebook: Path
) -> None:
    said = tmp_path / "said"
    for kind in ("create", "post-copy", "cleanup"):
        hook = tmp_path / "notebooks" / "scripts" / f"{kind}-WKSHP-API101.sh"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho {kind} $stdid >> {said}\n")
        hook.chmod(0o755)
    await prepare(agent)
    assert said.read_text().split("\n")[:-1] == ["create 7", "post-copy 7"]
    await agent.do(a_command(order=(2, 1)))
    assert len(said.read_text().split("\n")) == 3, "handed over, nothing is run"
    await agent.do(a_command(Verb.CLEANUP, order=(2, 2)))
    said.unlink()
    await prepare(agent, (3, 1))
    await agent.do(for_nobody(Verb.PURGE, order=(3, 2)))
    assert said.read_text().split("\n")[:-1] == ["create 7", "post-copy 7", "cleanup 7"]


async def verdict(agent: Agent, order: tuple[int, int]) -> CommandEvent:
    [*_, done] = await agent.do(for_nobody(Verb.VERIFY, order=order))
    assert done.type is EventType.DONE, done.error
    return done


async def test_a_free_seat_is_verified(agent: Agent) -> None:
    assert (await verdict(agent, (1, 1))).differences == []
    agent.delivery.files, agent.delivery.processes = {"left.txt": "x"}, 2
    agent.hub.servers.add("student7")
    assert (await verdict(agent, (1, 2))).differences == [
        "a notebook server runs",
        "2 processes of the seat run",
        "the home is not empty: left.txt",
    ]


async def test_a_seat_that_somebody_has_is_no_free_one(agent: Agent) -> None:
    await agent.do(a_command(registration=5))
    assert (await verdict(agent, (1, 2))).differences == ["registration 5 holds the seat", "somebody can log in"]


async def test_a_prepared_seat_is_verified(agent: Agent, notebook: Path) -> None:
    agent.delivery.files = {"kept": "1", "changed": "1", "gone": "1"}
    version = (await prepare(agent)).content_version
    done = await verdict(agent, (1, 2))
    assert (done.differences, done.content_version) == ([], version)
    agent.delivery.files = {"kept": "1", "changed": "2", "new": "1"}
    notebook.write_text("changed")
    assert (await verdict(agent, (1, 3))).differences == [
        "the content of WKSHP-API101 has changed since it was delivered",
        "changed: changed",
        "missing: gone",
        "not delivered: new",
    ]


async def test_verifying_leaves_a_prepared_seat_as_it_is(agent: Agent) -> None:
    await prepare(agent)
    await verdict(agent, (1, 2))
    assert (await agent.do(a_command(order=(2, 1))))[-1].content_version


async def test_a_hundred_differences_are_told_by_the_first(agent: Agent) -> None:
    agent.delivery.files = {f"{number:03d}" * 200: "" for number in range(100)}
    differences = (await verdict(agent, (1, 1))).differences or []
    assert len(differences) == 50
    assert max(map(len, differences)) == 300


async def test_a_hub_that_is_away_fails_the_verification(agent: Agent) -> None:
    agent.hub.away_for = 1
    assert (await agent.do(for_nobody(Verb.VERIFY)))[-1].type is EventType.FAILED


@pytest.mark.parametrize("verb", [Verb.PREPARE, Verb.VERIFY])
async def test_an_unsigned_command_for_nobody_is_refused(agent: Agent, verb: Verb) -> None:
    body = for_nobody(verb).model_dump(mode="json") | {"authority": "listed", "generation": None, "sequence": None}
    answer = await agent.client.post("/commands", json=body)
    assert answer.status_code == 422
    assert agent.delivery.calls == []


async def test_what_is_not_here_is_not_prepared_but_can_be_cleaned(agent: Agent) -> None:
    gone = {"workshop": "WKSHP-Gone"}
    assert (await agent.send(for_nobody().model_copy(update=gone))).status_code == 422
    assert (await agent.send(for_nobody(Verb.PURGE).model_copy(update=gone))).status_code == 202

"""Many CREATEs at once through the real Ansible: each has an end of its own, at its own time."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from agent_doubles import Agent, a_command, running_agent, settings_for, until

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.line import Pace
from wod_common.commands import Command, Verb
from wod_common.events import EventType

SEATS = 6


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    """One run of Ansible for all."""
    settings = settings_for(tmp_path)
    for folder in (settings.homes, settings.state / "runs", settings.state / "delivered"):
        folder.mkdir(parents=True, mode=0o700)
    delivery = AnsibleDelivery(
        trees=settings.trees(),
        homes=settings.homes,
        runs=settings.state / "runs",
        delivered=settings.state / "delivered",
        variables={},
        pace=Pace(1),
    )
    write(tmp_path, "WKSHP-API101/lab.sh", "{% if STDID == 2 %}{{ NO_SUCH }}{% endif %}seat {{ STDID }}")
    async with aclosing(delivery), running_agent(tmp_path, real=delivery, concurrency=SEATS) as agent:
        yield agent


def write(folder: Path, name: str, text: str, mode: int = 0o644) -> None:
    path = folder / "notebooks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def hook(agent: Agent, body: str) -> None:
    write(agent.folder, "scripts/post-copy-WKSHP-API101.sh", f"#!/bin/sh\n{body}\n", 0o755)


async def sent(agent: Agent) -> dict[int, Command]:
    creates = {student: a_command(student=student) for student in range(1, SEATS + 1)}
    for create in creates.values():
        assert (await agent.send(create)).status_code == 202
    return creates


async def test_a_rendering_and_a_hook_that_fail_fail_alone_and_who_waits_for_a_hook_keeps_nobody(agent: Agent) -> None:
    gate = agent.folder / "gate"
    os.mkfifo(gate)
    hook(agent, f'[ "$stdid" != 3 ] || exit 4\n[ "$stdid" != {SEATS} ] || cat "{gate}"')
    creates = await sent(agent)
    last = creates.pop(SEATS)
    await until(lambda: all(agent.reporter.ended(create) for create in creates.values()))
    assert not agent.reporter.ended(last)
    # returns when the hook reads
    await asyncio.to_thread(gate.write_text, "go")
    await until(lambda: agent.reporter.ended(last))
    ends = {student: ended(agent, create) for student, create in (creates | {SEATS: last}).items()}
    assert {student for student, (kind, _) in ends.items() if kind is EventType.FAILED} == {2, 3}
    assert "lab.sh:1: 'NO_SUCH' is undefined" in ends[2][1]
    assert "exit 4" in ends[3][1]


async def test_a_superseded_seat_of_many_is_cleaned_and_the_others_are_made(agent: Agent) -> None:
    write(
        agent.folder, "WKSHP-API101/lab.sh", "{% if STDID == 2 %}{% for i in range(10 ** 12) %}{% endfor %}{% endif %}"
    )
    creates = await sent(agent)
    await until(lambda: "deliver" in [event.step for event in agent.reporter.events[creates[2].id]])
    cleanups = [a_command(Verb.CLEANUP, student, order=(1, 2)) for student in (2, 5)]
    await asyncio.gather(*(agent.send(cleanup) for cleanup in cleanups))
    await until(lambda: all(agent.reporter.ended(command) for command in (*creates.values(), *cleanups)))
    made = {student for student, create in creates.items() if ended(agent, create)[0] is EventType.DONE}
    assert made == {1, 3, 4, 6}
    assert {student for student in creates if ended(agent, creates[student])[0] is EventType.SUPERSEDED} == {2, 5}
    assert all(ended(agent, cleanup)[0] is EventType.DONE for cleanup in cleanups)


def ended(agent: Agent, command: Command) -> tuple[EventType, str]:
    final = {EventType.DONE, EventType.FAILED, EventType.SUPERSEDED}
    [last] = [event for event in agent.reporter.events[command.id] if event.type in final]
    return last.type, last.error or ""

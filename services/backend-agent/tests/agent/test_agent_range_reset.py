"""RESET of a range: one command that empties seats of which one only was its registration's."""

from pathlib import Path

import pytest
from agent_doubles import Agent, a_command, a_range_reset, an_unsigned, running_agent, until

from wod_common.commands import Command, Verb
from wod_common.events import EventType


async def leave(agent: Agent, student: int, registration: int = 1, generation: int = 1) -> None:
    """The registration has had the seat, and its CLEANUP is done."""
    await agent.do(a_command(Verb.CREATE, student, registration, (generation, 1)))
    await agent.do(a_command(Verb.CLEANUP, student, registration, (generation, 2)))
    agent.delivery.calls.clear()
    agent.hub.calls.clear()


def cleaned(agent: Agent) -> list[int]:
    return [student for call, student in agent.delivery.calls if call == "clean"]


async def test_every_seat_of_the_range_is_emptied_and_reported(agent: Agent) -> None:
    await leave(agent, 7)
    events = await agent.do(a_range_reset(5, 9))
    assert events[-1].type is EventType.DONE
    assert cleaned(agent) == [5, 6, 7, 8, 9]
    assert [(event.percent, event.message) for event in events if event.step == "reset"][:2] == [
        (0, "Resetting seat 5 (1 of 5)"),
        (20, "Resetting seat 6 (2 of 5)"),
    ]
    for student in range(5, 10):
        calls = [call for call, name in agent.hub.calls if name == f"student{student}"]
        assert calls == ["stop", "evict", "stop"] * 2


async def test_the_password_of_the_registrations_own_seat_is_dead(agent: Agent) -> None:
    await agent.do(a_command(student=7))
    await agent.do(a_range_reset(5, 9, order=(1, 2)))
    assert not await agent.log_in(7, agent.delivery.passwords[0])


async def test_the_order_that_counts_is_the_registrations_own_seats(agent: Agent) -> None:
    await leave(agent, 5, registration=8, generation=4)  # the range's first seat has been given out more often
    await leave(agent, 7, registration=1, generation=2)
    assert (await agent.do(a_range_reset(5, 9, order=(2, 3))))[-1].type is EventType.DONE
    late = await agent.do(a_command(Verb.CREATE, 7, registration=1, order=(2, 1)))
    assert late[-1].type is EventType.SUPERSEDED
    other = await agent.do(a_command(Verb.CREATE, 5, registration=9, order=(5, 1)))
    assert other[-1].type is EventType.DONE


async def test_a_late_range_touches_nothing_once_its_seat_was_given_on(agent: Agent) -> None:
    await leave(agent, 7, registration=1, generation=1)
    await leave(agent, 7, registration=2, generation=2)
    late = await agent.do(a_range_reset(5, 9, registration=1, order=(1, 3)))
    assert [event.type for event in late] == [EventType.SUPERSEDED]
    assert agent.delivery.calls == []


async def test_a_fresh_agent_resets_a_range_it_knows_nothing_of(agent: Agent) -> None:
    assert (await agent.do(a_range_reset(5, 6)))[-1].type is EventType.DONE
    # and takes nothing of its order for another's seat
    assert (await agent.do(a_command(student=5, registration=9, order=(1, 1))))[-1].type is EventType.DONE


async def test_a_range_in_which_others_work_is_refused_with_their_seats(agent: Agent) -> None:
    await leave(agent, 7)
    for student in (6, 9, 10):
        await agent.do(a_command(student=student, registration=20 + student))
    agent.delivery.calls.clear()
    answer = await agent.send(a_range_reset(5, 9))
    assert answer.status_code == 422
    assert "somebody holds student 6, 9;" in answer.json()["detail"]
    assert agent.delivery.calls == []
    assert await agent.log_in(6, agent.delivery.passwords[1])


async def test_a_seat_that_is_being_cleaned_is_waited_for(agent: Agent) -> None:
    await leave(agent, 7)
    await agent.do(a_command(student=6, registration=2))
    agent.delivery.held.add(6)
    cleanup, reset = a_command(Verb.CLEANUP, 6, 2, (1, 2)), a_range_reset(5, 9)
    await agent.send(cleanup)
    await until(lambda: ("clean", 6) in agent.delivery.calls)
    assert (await agent.send(reset)).status_code == 202
    other = a_command(student=1, registration=3)
    await agent.do(other)
    assert cleaned(agent) == [6], "the range has not begun"
    agent.delivery.let_go.set()
    await until(lambda: agent.reporter.ended(reset))
    assert cleaned(agent) == [6, 5, 6, 7, 8, 9]
    assert agent.reporter.types(cleanup)[-1] is EventType.DONE


async def test_a_create_in_the_range_waits_and_keeps_its_seat(agent: Agent) -> None:
    await leave(agent, 7)
    agent.delivery.held.add(6)
    reset, create = a_range_reset(5, 9), a_command(student=9, registration=4, order=(1, 1))
    await agent.send(reset)
    await until(lambda: ("clean", 6) in agent.delivery.calls)
    await agent.send(create)
    other = a_command(student=10, registration=3)
    await agent.do(other)
    assert ("create", 9) not in agent.delivery.calls
    agent.delivery.let_go.set()
    await until(lambda: agent.reporter.ended(create))
    assert agent.reporter.types(reset)[-1] is EventType.DONE
    assert await agent.log_in(9, agent.delivery.passwords[-1])
    # it is still the holder's: its cleaning measures
    cleanup = await agent.do(a_command(Verb.CLEANUP, 9, 4, (1, 2)))
    assert cleanup[-1].completion == 75


async def test_what_follows_a_waiting_range_does_not_go_before_it(agent: Agent) -> None:
    await leave(agent, 7)
    agent.delivery.held.add(6)
    first, reset, create = a_command(Verb.PURGE, 6), a_range_reset(5, 9), a_command(student=8, registration=4)
    for command in (first, reset, create):
        assert (await agent.send(command)).status_code == 202
    await until(lambda: ("clean", 6) in agent.delivery.calls)
    await agent.do(a_command(student=1, registration=3))
    assert ("create", 8) not in agent.delivery.calls
    agent.delivery.let_go.set()
    await until(lambda: agent.reporter.ended(create))
    assert agent.delivery.calls.index(("clean", 9)) < agent.delivery.calls.index(("create", 8))


async def test_a_range_cut_off_is_reset_again_from_its_start(tmp_path: Path) -> None:
    reset = a_range_reset(5, 9)
    async with running_agent(tmp_path) as first:
        await leave(first, 7)
        first.delivery.held.add(7)
        await first.send(reset)
        await until(lambda: ("clean", 7) in first.delivery.calls)
    async with running_agent(tmp_path) as second:
        await until(lambda: second.reporter.ended(reset))
    assert cleaned(second) == [5, 6, 7, 8, 9]
    assert second.reporter.types(reset)[-1] is EventType.DONE


async def test_a_range_beyond_the_location_is_refused(agent: Agent) -> None:
    answer = await agent.send(a_range_reset(15, 21))
    assert answer.status_code == 422
    assert "student 21 is not of this location: it has 1 to 20" in answer.json()["detail"]


@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.CLEANUP, Verb.PURGE, Verb.DELETE])
async def test_only_reset_takes_a_range(agent: Agent, verb: Verb) -> None:
    body = a_command(verb).model_dump(mode="json") | {"last": 9}
    assert (await agent.client.post("/commands", json=body)).status_code == 422


async def test_a_listed_peer_resets_the_range_of_a_registration_that_had_a_seat_in_it(agent: Agent) -> None:
    await agent.do(an_unsigned(Verb.CREATE))
    await agent.do(an_unsigned(Verb.CLEANUP))
    refused = await agent.send(a_range_reset(5, 9, registration=2, order=None))
    assert refused.status_code == 409
    assert "registration 2 has held no student from 5 to 9" in refused.json()["detail"]
    agent.delivery.calls.clear()
    assert (await agent.do(a_range_reset(5, 9, order=None)))[-1].type is EventType.DONE
    assert cleaned(agent) == [5, 6, 7, 8, 9]


async def test_a_range_is_reset_after_its_content_has_gone(agent: Agent) -> None:
    await leave(agent, 7)
    gone = Command.model_validate(a_range_reset(5, 9).model_dump() | {"workshop": "WKSHP-Gone"})
    assert (await agent.do(gone))[-1].type is EventType.DONE

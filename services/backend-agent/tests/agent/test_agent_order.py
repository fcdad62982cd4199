import asyncio

import pytest
from agent_doubles import Agent, a_command, an_unsigned, until
from hypothesis import given
from hypothesis import strategies as st

from wod_backend_agent.order import NotTheHolder, Ruling, SeatRecord, judge
from wod_common.commands import Verb
from wod_common.events import EventType

orders = st.tuples(st.integers(1, 5), st.integers(1, 5))


@given(st.lists(orders, min_size=1))
def test_only_a_pair_above_all_before_it_is_obeyed(pairs: list[tuple[int, int]]) -> None:
    seat = SeatRecord(7)
    obeyed = []
    for pair in pairs:
        if judge(a_command(order=pair), seat, cleaned_before=False) is Ruling.OBEY:
            obeyed.append(pair)
            seat = SeatRecord(7, order=pair)
    assert obeyed == sorted(set(obeyed))
    assert obeyed[-1] == max(pairs)


HELD, LEFT, FRESH = SeatRecord(7, holder=1, last_holder=1), SeatRecord(7, last_holder=1), SeatRecord(7)
CLEANERS = [Verb.CLEANUP, Verb.RESET, Verb.PURGE, Verb.DELETE]


@pytest.mark.parametrize(
    ("verb", "registration", "seat", "cleaned_before", "obeyed"),
    [
        (Verb.CREATE, 1, FRESH, False, True),
        (Verb.CREATE, 2, HELD, False, False),
        (Verb.CREATE, 1, HELD, False, False),
        (Verb.CREATE, 1, LEFT, True, False),
        (Verb.CREATE, 2, LEFT, False, True),
        *[(verb, 1, HELD, False, True) for verb in CLEANERS],
        *[(verb, 2, HELD, False, False) for verb in CLEANERS],
        *[(verb, 1, FRESH, False, False) for verb in CLEANERS],
        (Verb.PURGE, 1, LEFT, True, True),
        (Verb.RESET, 1, LEFT, True, True),
        (Verb.CLEANUP, 1, LEFT, True, False),
        (Verb.DELETE, 1, LEFT, True, False),
    ],
)
def test_an_unsigned_command_must_name_the_seats_registration(
    verb: Verb, registration: int, seat: SeatRecord, cleaned_before: bool, obeyed: bool
) -> None:
    command = an_unsigned(verb, registration)
    if obeyed:
        assert judge(command, seat, cleaned_before=cleaned_before) is Ruling.OBEY
    else:
        with pytest.raises(NotTheHolder):
            judge(command, seat, cleaned_before=cleaned_before)


async def test_a_late_create_does_not_revive_a_cleaned_seat(agent: Agent) -> None:
    await agent.do(a_command(Verb.CLEANUP, order=(1, 2)))
    before = (list(agent.delivery.calls), list(agent.hub.calls))
    late = a_command(order=(1, 1))
    answer = await agent.send(late)
    assert (answer.status_code, answer.json()["state"]) == (202, "superseded")
    await until(lambda: agent.reporter.ended(late))
    assert agent.reporter.types(late) == [EventType.SUPERSEDED]
    assert (agent.delivery.calls, agent.hub.calls) == before


async def test_a_late_purge_does_not_wipe_the_next_persons_seat(agent: Agent) -> None:
    await agent.do(a_command(registration=2, order=(2, 1)))
    late = await agent.do(a_command(Verb.PURGE, registration=1, order=(1, 3)))
    assert late[-1].type is EventType.SUPERSEDED
    assert agent.delivery.calls == [("create", 7)]
    assert await agent.log_in(7, agent.delivery.passwords[0])


async def test_an_equal_pair_under_another_id_is_superseded(agent: Agent) -> None:
    await agent.do(a_command())
    assert (await agent.do(a_command()))[-1].type is EventType.SUPERSEDED


async def test_a_cleanup_ends_the_running_create_and_then_runs(agent: Agent) -> None:
    agent.delivery.held.add(7)
    create, cleanup = a_command(), a_command(Verb.CLEANUP, order=(1, 2))
    await agent.send(create)
    await until(lambda: agent.delivery.running == 1)
    agent.delivery.held.clear()
    await agent.do(cleanup)
    await until(lambda: agent.reporter.ended(create))
    assert agent.delivery.cancelled == [7]
    assert agent.reporter.types(create)[-1] is EventType.SUPERSEDED
    assert EventType.DONE not in agent.reporter.types(create)
    assert agent.delivery.calls == [("create", 7), ("measure", 7), ("clean", 7)]
    assert not await agent.log_in(7, agent.delivery.passwords[0])


async def test_a_queued_command_is_superseded_without_having_run(agent: Agent) -> None:
    agent.delivery.held |= {1, 2}
    for student in (1, 2):
        await agent.send(a_command(student=student))
    queued, newer = a_command(student=3), a_command(Verb.PURGE, student=3, order=(1, 2))
    await agent.send(queued)
    await agent.send(newer)
    agent.delivery.let_go.set()
    await until(lambda: agent.reporter.ended(newer))
    assert agent.reporter.types(queued) == [EventType.ACCEPTED, EventType.PROGRESS, EventType.SUPERSEDED]
    assert [call for call in agent.delivery.calls if call[1] == 3] == [("clean", 3)]


async def test_no_more_commands_run_at_a_time_than_set_and_each_gets_its_turn(agent: Agent) -> None:
    agent.delivery.held |= set(range(1, 21))
    commands = [a_command(student=student) for student in range(1, 9)]
    for command in commands:
        await agent.send(command)
    await until(lambda: agent.delivery.running == 2)
    agent.delivery.let_go.set()
    for command in commands:
        await until(lambda command=command: agent.reporter.ended(command))  # type: ignore[misc]
    assert agent.delivery.most_running == 2
    assert [number for _, number in agent.delivery.calls] == list(range(1, 9))


async def test_the_start_of_a_server_holds_no_place_and_ends_for_the_next_command(agent: Agent) -> None:
    agent.hub.slow_start = asyncio.Event()
    for student in (1, 2, 7):
        await agent.do(a_command(student=student))
    await agent.do(a_command(Verb.CLEANUP, order=(1, 2)))
    assert agent.hub.start_cancelled
    assert agent.hub.calls[-1] == ("stop", "student7")


async def test_unsigned_commands_that_follow_each_other_queue_up(agent: Agent) -> None:
    await agent.do(an_unsigned(Verb.CREATE))
    agent.delivery.held.add(7)
    cleanup, purge = an_unsigned(Verb.CLEANUP), an_unsigned(Verb.PURGE)
    assert (await agent.send(cleanup)).status_code == 202
    assert (await agent.send(purge)).status_code == 202
    agent.delivery.let_go.set()
    await until(lambda: agent.reporter.ended(purge))
    assert agent.reporter.types(cleanup)[-1] is EventType.DONE
    assert agent.reporter.types(purge)[-1] is EventType.DONE


async def test_an_unsigned_command_for_another_persons_seat_is_refused(agent: Agent) -> None:
    await agent.do(a_command(registration=2))
    answer = await agent.send(an_unsigned(Verb.PURGE, registration=1))
    assert answer.status_code == 409
    assert "registration 1 does not hold student 7" in answer.json()["detail"]
    assert len((await agent.client.get("/commands")).json()) == 1


async def test_an_unsigned_create_does_not_come_back_after_its_cleaning(agent: Agent) -> None:
    await agent.do(an_unsigned(Verb.CREATE))
    await agent.do(an_unsigned(Verb.DELETE))
    assert (await agent.send(an_unsigned(Verb.CREATE))).status_code == 409
    assert (await agent.send(an_unsigned(Verb.CREATE, registration=2))).status_code == 202


async def test_no_server_starts_while_commands_wait_in_line(agent: Agent) -> None:
    agent.delivery.held = {8, 9, 10}
    rush = [a_command(student=student) for student in (8, 7, 9, 10)]
    for command in rush:
        await agent.send(command)
    await until(lambda: agent.reporter.ended(rush[1]) and ("create", 9) in agent.delivery.calls)
    assert ("create", 10) not in agent.delivery.calls
    assert ("start", "student7") not in agent.hub.calls
    agent.delivery.let_go.set()
    await until(lambda: {f"student{student}" for student in (7, 8, 9, 10)} <= {name for _, name in agent.hub.calls})

"""Seats that the api-db has taken back without the agent's having been told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from agent_doubles import ObedientHub, a_command, an_unsigned, receipt, running_agent, settings_for, until

from wod_backend_agent.access import HubAlone
from wod_backend_agent.feed import Feed
from wod_backend_agent.journal import Journal
from wod_backend_agent.reconciliation import Reconciliation
from wod_backend_agent.scheduler import Scheduler
from wod_common.commands import Command, Verb

CLOSED = [("stop", "student7"), ("evict", "student7"), ("stop", "student7"), ("evict", "student7")]


class Noting:
    """Runs nothing and says what it was given."""

    def __init__(self) -> None:
        self.started: list[int] = []

    async def run(self, command: Command, finished: Callable[[], Awaitable[None]]) -> None:
        self.started.append(command.student)


class Location:
    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal.sqlite", lambda _: None)
        self.runner = Noting()
        self.scheduler = Scheduler(self.journal, self.runner, Feed(), 2)
        self.hub = ObedientHub()
        seat = settings_for(folder).seat
        self.reconciliation = Reconciliation(self.journal, self.scheduler, self.hub, HubAlone(), seat)

    async def deploy(self, generation: int = 2) -> None:
        command = a_command(order=(generation, 1), registration=generation)
        await self.journal.accept(command, None)
        assert await self.journal.finish_create(command, "a hash", 1.0)

    async def told(self, *answers: dict[int, int]) -> None:
        """Compares with each of the receipts, and waits until what it leads to is done."""
        for seats in answers:
            self.reconciliation.compare(await self.reconciliation.deployed(), receipt(seats))
            await until(lambda: self.reconciliation._closing is None)


@pytest.fixture
async def location(tmp_path: Path) -> AsyncIterator[Location]:
    made = Location(tmp_path)
    yield made
    await made.reconciliation.stop()
    made.journal.close()


async def test_a_seat_missing_twice_is_closed_and_its_home_left(location: Location) -> None:
    await location.deploy()
    await location.told({}, {})
    assert location.hub.calls == CLOSED
    assert await location.journal.password_hash(7) is None
    assert (await location.journal.seat(7)).holder == 2
    await location.told({}, {})
    assert location.hub.calls == CLOSED


@pytest.mark.parametrize(
    "receipts",
    [[{}], [{}, {7: 2}, {}], [{7: 2}, {7: 2}], [{7: 1}, {7: 1}]],
    ids=["missing once", "back between", "in use", "an older generation"],
)
async def test_a_seat_in_doubt_stays_open(location: Location, receipts: list[dict[int, int]]) -> None:
    await location.deploy()
    await location.told(*receipts)
    assert location.hub.calls == []
    assert await location.journal.password_hash(7) == "a hash"


async def test_a_seat_that_was_given_on_is_closed_at_once(location: Location) -> None:
    await location.deploy(2)
    await location.told({7: 3})
    assert location.hub.calls == CLOSED


async def test_a_receipt_asked_for_before_the_create_ended_closes_nothing(location: Location) -> None:
    before = await location.reconciliation.deployed()
    await location.deploy()
    for _ in range(2):
        location.reconciliation.compare(before, receipt({}))
    assert location.reconciliation._closing is None
    await location.told({})
    assert location.hub.calls == []


async def test_a_seat_deployed_anew_is_counted_anew(location: Location) -> None:
    await location.deploy(2)
    await location.told({})
    await location.deploy(3)
    await location.told({})
    assert location.hub.calls == []


async def test_a_listed_peers_student_is_never_closed(location: Location) -> None:
    await location.deploy(1)
    purge = a_command(Verb.PURGE, order=(1, 2))
    await location.journal.accept(purge, None)
    assert await location.journal.finish_cleaning(purge, None, 1.0)
    command = an_unsigned(Verb.CREATE, registration=5)
    await location.journal.accept(command, None)
    assert await location.journal.finish_create(command, "a hash", 1.0)
    await location.told({}, {}, {})
    assert location.hub.calls == []


async def test_a_hub_that_is_away_is_asked_at_the_next_receipt(location: Location) -> None:
    await location.deploy()
    location.hub.away_for = 1
    await location.told({}, {})
    assert location.hub.calls == []
    assert await location.journal.password_hash(7) is None
    await location.told({})
    assert location.hub.calls == CLOSED


async def test_a_lost_cleanup_ends_the_session_through_heartbeats_alone(tmp_path: Path) -> None:
    async with running_agent(tmp_path, heartbeat_seconds=0.01) as agent:
        agent.seat_book.seats = {7: 1}
        await agent.do(a_command())
        await until(lambda: ("start", "student7") in agent.hub.calls)
        assert await agent.log_in(7, agent.delivery.passwords[0])
        agent.seat_book.seats = {}
        await until(lambda: agent.hub.calls[1:] == CLOSED)
        assert not await agent.log_in(7, agent.delivery.passwords[0])
        # the CLEANUP that comes at last still measures
        events = await agent.do(a_command(Verb.CLEANUP, order=(1, 2)))
        assert events[-1].completion == 75


async def test_no_seat_is_closed_while_a_command_runs_on_it(tmp_path: Path) -> None:
    async with running_agent(tmp_path, heartbeat_seconds=0.01) as agent:
        agent.seat_book.seats = {7: 1}
        await agent.do(a_command())
        agent.delivery.held.add(7)
        await agent.send(a_command(registration=2, order=(2, 1)))
        await until(lambda: agent.delivery.calls.count(("create", 7)) == 2)
        calls = list(agent.hub.calls)
        agent.seat_book.seats = {}
        before = len(agent.seat_book.heartbeats)
        await until(lambda: len(agent.seat_book.heartbeats) > before + 4)
        assert agent.hub.calls == calls


async def test_a_command_waits_until_its_seat_is_closed(location: Location) -> None:
    commands = [a_command(student=7), a_command(student=8)]
    with location.scheduler.reserved(7) as alone:
        assert alone
        for command in commands:
            await location.journal.accept(command, None)
            location.scheduler.submit(command, ())
        await until(lambda: location.runner.started == [8])
        assert location.scheduler.waiting == 1
        with location.scheduler.reserved(7) as alone_as_well:
            assert not alone_as_well
    await until(lambda: location.runner.started == [8, 7])
    await location.scheduler.stop()

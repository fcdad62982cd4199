"""How far everyone is while he works: measured seat by seat, told with the heartbeats."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from agent_doubles import Agent, GatedDelivery, a_command, an_unsigned, running_agent, until

from wod_backend_agent.completion_measuring import Measuring
from wod_backend_agent.completions import Completions, host_is_busy
from wod_backend_agent.delivery.base import DeliveryFailed, Seat
from wod_backend_agent.journal import Journal
from wod_backend_agent.playbooks.library.wod_completion import results
from wod_common.commands import Verb

WORKSHOP = "WKSHP-API101"
OFTEN = 0.0005  # minutes


def notebook(*counts: int | None) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": "x", "execution_count": count} for count in counts]})


def seat_in(folder: Path, number: int = 7, uid: int | None = None) -> Seat:
    (folder / "homes" / f"student{number}" / WORKSHOP).mkdir(parents=True)
    return Seat(number, folder / "homes" / f"student{number}", uid)


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    (tmp_path / "delivered").mkdir()
    return tmp_path / "delivered"


@pytest.fixture
def measuring(delivered: Path) -> Measuring:
    return Measuring(GatedDelivery(completion=33), delivered)


async def test_a_home_on_this_machine_is_measured_without_a_run(tmp_path: Path, measuring: Measuring) -> None:
    seat = seat_in(tmp_path)
    assert await measuring.measure(seat, WORKSHOP) is None
    (seat.home / WORKSHOP / "1.ipynb").write_text(notebook(1, None, 2, None))
    assert await measuring.measure(seat, WORKSHOP) == 50


async def test_what_was_delivered_already_run_does_not_count(
    tmp_path: Path, measuring: Measuring, delivered: Path
) -> None:
    seat = seat_in(tmp_path)
    (seat.home / WORKSHOP / "1.ipynb").write_text(notebook(1, None))
    (delivered / "student7.json").write_text(json.dumps(sorted(results(notebook(1).encode()))))
    assert await measuring.measure(seat, WORKSHOP) == 0


async def test_a_home_elsewhere_is_measured_through_the_delivery(tmp_path: Path, measuring: Measuring) -> None:
    assert await measuring.measure(Seat(7, tmp_path / "homes" / "student7"), WORKSHOP) == 33
    # somebody else's folder under the same name
    assert await measuring.measure(seat_in(tmp_path, uid=os.geteuid() + 4000), WORKSHOP) == 33


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Pytest's own folders are closed to other accounts."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads as another account")
async def test_a_home_is_read_as_its_seat(open_folder: Path, measuring: Measuring) -> None:
    seat = seat_in(open_folder, uid=40007)
    (seat.home / WORKSHOP / "1.ipynb").write_text(notebook(1, None))
    (seat.home / WORKSHOP / "secret.ipynb").write_text(notebook(1, 1, 1, 1))
    (seat.home / WORKSHOP / "secret.ipynb").chmod(0o600)
    for path in (seat.home, seat.home / WORKSHOP, seat.home / WORKSHOP / "1.ipynb"):
        os.chown(path, 40007, 40007)
    assert await measuring.measure(seat, WORKSHOP) == 50


async def test_a_notebook_that_fills_the_memory_ends_its_own_process_alone(
    tmp_path: Path, measuring: Measuring
) -> None:
    seat = seat_in(tmp_path)
    (seat.home / WORKSHOP / "1.ipynb").write_text('{"cells": [' + "[[[[[]]]]]," * 1_800_000 + "[]]}")
    with pytest.raises(DeliveryFailed, match="within bounds"):
        await measuring.measure(seat, WORKSHOP)


async def test_a_broken_note_of_what_was_delivered_is_an_error_with_its_reason(
    tmp_path: Path, measuring: Measuring, delivered: Path
) -> None:
    (delivered / "student7.json").write_text("{")
    with pytest.raises(DeliveryFailed, match="student7"):
        await measuring.measure(seat_in(tmp_path), WORKSHOP)


@dataclass
class Line:
    """A scheduler that says what it is told to."""

    waiting: int = 0
    concerned: set[int] = field(default_factory=set)

    def concerns(self, student: int) -> bool:
        return student in self.concerned


@dataclass
class World:
    """A journal with labs, and measurements that are told beforehand."""

    journal: Journal
    line: Line = field(default_factory=Line)
    busy: bool = False
    percent: dict[int, int | None] = field(default_factory=dict)
    measured: list[tuple[int, str]] = field(default_factory=list)
    at_a_time: int = 0

    async def measure(self, seat: Seat, workshop: str) -> int | None:
        self.at_a_time += 1
        assert self.at_a_time == 1
        await asyncio.sleep(0)  # poll: gives another measurement the chance to begin
        self.at_a_time -= 1
        self.measured.append((seat.number, workshop))
        if seat.number not in self.percent:
            raise DeliveryFailed("the home cannot be read")
        return self.percent[seat.number]

    async def lab(self, student: int, generation: int = 1) -> None:
        command = a_command(student=student, order=(generation, 1))
        await self.journal.accept(command, None)
        await self.journal.begin(command.id)
        await self.journal.finish_create(command, f"hash {student} {generation}", 1.0)

    async def log_in(self, student: int, generation: int = 1) -> None:
        assert await self.journal.log_in(student, f"hash {student} {generation}")

    def completions(self) -> Completions:
        return Completions(
            self.journal,
            self.line,  # type: ignore[arg-type]
            self.measure,
            lambda number: Seat(number, Path("/nowhere")),
            0.001,
            lambda: self.busy,
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    def unheard(_: UUID) -> None:
        pass

    journal = Journal(tmp_path / "journal.sqlite", unheard)
    yield World(journal)
    journal.close()


async def told(world: World, completions: Completions) -> dict[int, int]:
    return {one.student: one.percent for one in completions.of(await world.journal.first_logins())}


async def test_only_labs_that_somebody_has_signed_in_to_are_measured(world: World) -> None:
    for student in (3, 4):
        await world.lab(student)
    await world.log_in(4)
    world.percent = {3: 10, 4: 20}
    completions = world.completions()
    await completions.go_round()
    assert world.measured == [(4, WORKSHOP)]
    assert await told(world, completions) == {4: 20}


def _line(world: World) -> None:
    world.line.waiting = 1


def _own(world: World) -> None:
    world.line.concerned = {4}


def _load(world: World) -> None:
    world.busy = True


@pytest.mark.parametrize("hinder", [_line, _own, _load])
async def test_a_lab_is_not_measured_while_something_else_goes_first(
    world: World, hinder: Callable[[World], None]
) -> None:
    await world.lab(4)
    await world.log_in(4)
    world.percent = {4: 20}
    hinder(world)
    await world.completions().go_round()
    assert world.measured == []


async def test_one_that_cannot_be_measured_keeps_its_last_figure_and_spares_the_others(world: World) -> None:
    for student in (3, 4, 5):
        await world.lab(student)
        await world.log_in(student)
    completions = world.completions()
    world.percent = {3: 10, 4: 20, 5: None}
    await completions.go_round()
    world.percent = {4: 30, 5: None}
    await completions.go_round()
    assert await told(world, completions) == {3: 10, 4: 30}


async def test_what_was_measured_of_an_earlier_holder_is_not_told_of_the_next(world: World) -> None:
    await world.lab(4)
    await world.log_in(4)
    world.percent = {4: 90}
    completions = world.completions()
    await completions.go_round()
    await world.lab(4, generation=2)
    await world.log_in(4, generation=2)
    assert await told(world, completions) == {}


async def test_the_host_is_busy_when_more_wants_to_run_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = os.cpu_count() or 1
    monkeypatch.setattr("psutil.getloadavg", lambda: (cores + 0.1, 0.0, 0.0))
    assert host_is_busy()
    monkeypatch.setattr("psutil.getloadavg", lambda: (float(cores), 9e9, 9e9))
    assert not host_is_busy()


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """However loaded the machine is on which this runs."""
    monkeypatch.setattr("psutil.getloadavg", lambda: (0.0, 0.0, 0.0))


def _last(agent: Agent) -> list[tuple[int, int, int]]:
    return [(one.student, one.generation, one.percent) for one in agent.seat_book.heartbeats[-1].completions]


@pytest.mark.usefixtures("quiet")
async def test_heartbeats_tell_how_far_a_holder_is_until_his_seat_is_cleaned(tmp_path: Path) -> None:
    async with running_agent(tmp_path, heartbeat_seconds=0.01, completion_minutes=OFTEN) as agent:
        agent.seat_book.seats = {7: 3}
        await agent.do(a_command(order=(3, 1)))
        folder = tmp_path / "homes" / "student7" / WORKSHOP
        folder.mkdir(parents=True)
        (folder / "1.ipynb").write_text(notebook(1, None))
        assert await agent.log_in(7, agent.delivery.passwords[0])
        await until(lambda: _last(agent) == [(7, 3, 50)])
        (folder / "1.ipynb").write_text(notebook(1, 2))
        await until(lambda: _last(agent) == [(7, 3, 100)])
        assert ("measure", 7) not in agent.delivery.calls
        await agent.do(a_command(Verb.CLEANUP, order=(3, 2)))
        await until(lambda: _last(agent) == [])


@pytest.mark.usefixtures("quiet")
async def test_a_listed_peers_student_is_not_measured(tmp_path: Path) -> None:
    async with running_agent(tmp_path) as agent:
        await agent.do(an_unsigned(Verb.CREATE))
        assert await agent.log_in(7, agent.delivery.passwords[0])
    async with running_agent(tmp_path, heartbeat_seconds=0.01, completion_minutes=OFTEN) as agent:
        agent.seat_book.seats = {8: 1}
        await agent.do(a_command(student=8, registration=2))
        assert await agent.log_in(8, agent.delivery.passwords[0])
        await until(lambda: _last(agent) == [(8, 1, 75)])
        assert ("measure", 7) not in agent.delivery.calls

"""The agent killed at every state of its journal, every call and every task: each command is done once, and whole.

An undisturbed run says where the boundaries are, so a task that is added tomorrow is among them.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count, zip_longest
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import uvicorn
from chaos_kit import marked
from killed_agents import HUB_AWAY, HUB_CALLS
from ward import WORKSHOP, Ward, until

from wod_common.commands import Command, Verb

pytestmark = pytest.mark.timeout(600)
KIT = Path(__file__).with_name("kit")
Open = Callable[[bool], AbstractAsyncContextManager[Ward]]
#: of somebody who is away, until it has gone on for long enough: the gaps between them grow
REFUSALS = 5
_registrations = count(1)


@pytest.fixture(scope="module")
def agents() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, KIT / "killed_agents.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def open_ward(tmp_path: Path, agents: "subprocess.Popen[str]") -> Open:
    @asynccontextmanager
    async def opened(direct: bool) -> AsyncIterator[Ward]:
        ward = Ward(tmp_path / "ward", agents, direct=direct)
        server = uvicorn.Server(uvicorn.Config(ward.reports.app, "127.0.0.1", ward.api_port, log_config=None))
        serving = asyncio.create_task(server._serve())  # the public serve() would take over the tests' signals
        await until(lambda: server.started, "the api-db's double")
        try:
            yield ward
        finally:
            await ward.close()
            server.should_exit = True
            await serving

    return opened


def create(seat: int) -> Command:
    return Command(
        id=uuid4(), verb=Verb.CREATE, location=1, student=seat, registration=next(_registrations),
        workshop=WORKSHOP, generation=1, sequence=1,
    )  # fmt: skip


def cleanup(command: Command) -> Command:
    return command.model_copy(update={"id": uuid4(), "verb": Verb.CLEANUP, "sequence": 2})


@dataclass
class Trial:
    """A seat's CREATE and its CLEANUP, each cut off at a boundary or not at all."""

    ward: Ward
    seat: int

    async def create(self, boundary: str | None = None) -> list[str]:
        self.command = create(self.seat)
        passed = await self.ward.run(self.command, boundary)
        self.password = str(self._end(self.command)["password"])
        self.made = self.ward.tree(self.seat, self.password)
        await self._judge(self.command, boundary)
        return passed

    async def clean(self, boundary: str | None = None) -> list[str]:
        command = cleanup(self.command)
        passed = await self.ward.run(command, boundary)
        self.completion = self._end(command).get("completion")
        self.emptied = self.ward.tree(self.seat, self.password)
        await self._judge(command, boundary)
        return passed

    def _end(self, command: Command) -> dict[str, Any]:
        """The one final report."""
        [end] = self.ward.reports.ends(command)
        assert end["type"] == "done", end
        return end

    async def _judge(self, command: Command, boundary: str | None) -> None:
        """Reported once, nothing of it alive, its hooks run once more at most, its password good while it is there."""
        is_create = command.verb is Verb.CREATE
        assert [event["type"] for event in self.ward.reports.of(command)].count("accepted") == 1
        assert marked(command) == []
        assert [process for process in self.ward.left if _lives(process)] == []
        assert self.ward.deaths == (boundary is not None)
        for kind in ("create", "post-copy") if is_create else ("cleanup",):
            assert 1 <= self.ward.ran(kind, self.seat) <= 1 + self.ward.deaths, kind
        assert await self.ward.logs_in(self.seat, self.password) is is_create
        assert not await self.ward.logs_in(self.seat, "another")
        # a run that is open for the next command is another's
        runs = [path for path in (self.ward.folder / "state" / "runs").rglob("*") if path.is_file()]
        assert [
            path for path in runs if str(command.id) in str(path) or self.password.encode() in path.read_bytes()
        ] == []
        assert [path for path in self.ward.homes.iterdir() if path.name.startswith(".")] == []


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize("direct", [True, False], ids=["journal, hub and hooks", "ansible"])
async def test_an_agent_killed_at_any_boundary_does_its_command_once(open_ward: Open, direct: bool) -> None:
    async with open_ward(direct) as ward:
        calm = Trial(ward, 1)
        creating, cleaning = [
            [place for place in passed if direct or place.startswith("ansible")]
            for passed in (await calm.create(), await calm.clean())
        ]
        assert len(creating) >= 2
        assert len(cleaning) >= 2
        for seat, (at_create, at_cleanup) in enumerate(zip_longest(creating, cleaning), 2):
            trial = Trial(ward, seat)
            await trial.create(at_create)
            assert trial.made == calm.made, at_create
            await trial.clean(at_cleanup)
            assert trial.emptied == calm.emptied, at_cleanup
            assert trial.completion == calm.completion, at_cleanup


@dataclass
class Ahead:
    """A seat made ahead and then handed over, each cut off at a boundary or not at all."""

    ward: Ward
    seat: int

    async def prepare(self, boundary: str | None = None) -> list[str]:
        self.prepared = create(self.seat).model_copy(update={"verb": Verb.PREPARE, "registration": None})
        passed = await self.ward.run(self.prepared, boundary)
        [end] = self.ward.reports.ends(self.prepared)
        assert end["type"] == "done", end
        assert "password" not in end
        self._judge(self.prepared, boundary)
        self.hooks_ran = self.ward.ran("create", self.seat)
        assert 1 <= self.hooks_ran <= 1 + self.ward.deaths
        return passed

    async def hand_over(self, boundary: str | None = None) -> list[str]:
        command = create(self.seat).model_copy(update={"generation": 2})
        passed = await self.ward.run(command, boundary)
        [end] = self.ward.reports.ends(command)
        assert end["type"] == "done", end
        self._judge(command, boundary)
        # what was made ahead is what is handed over
        assert self.ward.ran("create", self.seat) == self.hooks_ran
        assert await self.ward.logs_in(self.seat, str(end["password"]))
        self.made = self.ward.tree(self.seat, str(end["password"]))
        return passed

    def _judge(self, command: Command, boundary: str | None) -> None:
        assert [event["type"] for event in self.ward.reports.of(command)].count("accepted") == 1
        assert self.ward.deaths == (boundary is not None)
        assert marked(command) == []
        assert [process for process in self.ward.left if _lives(process)] == []


async def test_an_agent_killed_as_it_makes_a_seat_ahead_or_hands_it_over_does_so_once(open_ward: Open) -> None:
    async with open_ward(True) as ward:
        calm = Ahead(ward, 1)
        making, handing = await calm.prepare(), await calm.hand_over()
        assert any("finish_prepare" in place for place in making)
        assert any("hand_over" in place for place in handing)
        for seat, (at_prepare, at_handover) in enumerate(zip_longest(making, handing), 2):
            trial = Ahead(ward, seat)
            await trial.prepare(at_prepare)
            await trial.hand_over(at_handover)
            assert trial.made == calm.made, (at_prepare, at_handover)


async def test_an_api_db_away_through_a_death_hears_everything_once(open_ward: Open) -> None:
    async with open_ward(True) as ward:
        ward.reports.away = True
        trial = Trial(ward, 1)
        working = asyncio.create_task(trial.create("journal: finish_create #1"))
        # at most 5 s lie between two attempts, however long it is away
        await until(lambda: ward.deaths == 1 and ward.reports.refused >= REFUSALS, "attempts to report")
        assert not working.done()
        assert ward.reports.of(trial.command) == []
        ward.reports.away = False
        await working


async def test_a_seat_is_not_emptied_while_the_hub_is_away(open_ward: Open) -> None:
    async with open_ward(True) as ward:
        trial = Trial(ward, 1)
        await trial.create()
        (ward.folder / HUB_AWAY).touch()
        calls = ward.folder / HUB_CALLS
        calls.write_text("")
        working = asyncio.create_task(trial.clean("journal: remember_completion #1"))
        await until(lambda: ward.deaths == 1 and calls.read_text().count("refused") >= REFUSALS, "calls of the hub")
        assert ward.tree(1, trial.password) == trial.made
        assert not await ward.logs_in(1, trial.password)
        (ward.folder / HUB_AWAY).unlink()
        await working
        assert trial.completion == 100

"""The password beside the hub, as commands put it there and take it away."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from agent_doubles import Agent, a_command, a_range_reset, running_agent, until

from wod_backend_agent.access import HostAccess
from wod_backend_agent.delivery.base import DeliveryFailed, Seat
from wod_backend_agent.directory import Directory, DirectoryFailed
from wod_backend_agent.seat_variables import SeatVariables
from wod_backend_agent.trees import Trees
from wod_common.commands import Verb
from wod_common.events import CommandEvent, EventType

CLEANING = [Verb.CLEANUP, Verb.RESET, Verb.PURGE, Verb.DELETE]
VAULT_PASSWORD = "of the operator's vault"


@dataclass
class Passwords(Directory):
    """A directory that may be away; what it is like when it is real is tried in ``test_agent_directory``."""

    known: dict[str, str] = field(default_factory=dict)
    away: bool = False

    async def set_password(self, seat: Seat, password: str) -> None:
        if self.away:
            raise DirectoryFailed("the directory is away; mend it and send the command again")
        self.known[seat.username] = password

    async def replace_password(self, seat: Seat, password: str) -> None:
        await self.set_password(seat, password)


class Place:
    """An agent with a workshop, and what is beside the hub."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = Passwords()
        self.locked: list[int] = []
        self.private = folder / "private"
        self.password_file = folder / "vault-password"
        self.password_file.write_text(VAULT_PASSWORD)
        (folder / "marks").mkdir()
        self.says("name: Small\n")

    def says(self, manifest: str) -> None:
        content = self.folder / "notebooks" / "WKSHP-API101"
        content.mkdir(parents=True, exist_ok=True)
        (content / "wod.yml").write_text(manifest)

    def access(self, *, directory: bool = True) -> HostAccess:
        variables = SeatVariables(self.private / "ansible", self.password_file)
        trees = Trees([self.folder / "notebooks"], self.private)
        known = self.directory if directory else None
        return HostAccess(trees, self._lock, self.folder / "marks", known, variables)

    async def _lock(self, run: UUID, seat: Seat) -> None:
        self.locked.append(seat.number)

    @asynccontextmanager
    async def agent(self, *, directory: bool = True) -> AsyncIterator[Agent]:
        async with running_agent(self.folder, access=self.access(directory=directory)) as agent:
            yield agent


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_a_seat_that_the_api_db_has_taken_back_is_closed_on_the_host_and_in_the_directory(place: Place) -> None:
    place.says("ldap: true\n")
    async with running_agent(place.folder, 0.05, access=place.access()) as agent:
        agent.seat_book.seats = {7: 1}
        await agent.do(a_command())
        password = place.directory.known["student7"]
        agent.seat_book.seats = {}
        await until(lambda: place.directory.known["student7"] != password)
        assert 7 in place.locked


def end(events: list[CommandEvent]) -> CommandEvent:
    return events[-1]


@pytest.mark.parametrize("verb", CLEANING)
async def test_a_workshop_with_ldap_has_its_password_in_the_directory_until_it_is_cleaned(
    place: Place, verb: Verb
) -> None:
    place.says("ldap: true\n")
    async with place.agent() as agent:
        await agent.do(a_command())
        password = agent.delivery.passwords[0]
        assert place.directory.known == {"student7": password}
        place.says("ldap: false\n")
        assert end(await agent.do(a_command(verb, order=(1, 2)))).type is EventType.DONE
        assert place.directory.known["student7"] != password
        # the account first: had the directory been away, the command would have ended before the home
        assert place.locked == [7]
        assert [call for call in agent.delivery.calls if call[0] == "clean"] == [("clean", 7)]


async def test_a_range_reset_takes_every_password_of_the_range(place: Place) -> None:
    place.says("ldap: true\n")
    async with place.agent() as agent:
        await agent.do(a_command(student=5))
        await agent.do(a_command(Verb.CLEANUP, student=5, order=(1, 2)))
        place.directory.known["student6"] = "of a listed peer's"
        await agent.do(a_range_reset(5, 6))
        assert "of a listed peer's" not in place.directory.known.values()


async def test_a_workshop_without_ldap_touches_no_directory(place: Place) -> None:
    place.directory.away = True
    async with place.agent() as agent:
        assert end(await agent.do(a_command())).type is EventType.DONE
        assert end(await agent.do(a_command(Verb.CLEANUP, order=(1, 2)))).type is EventType.DONE
    assert place.locked == []


async def test_ldap_where_there_is_no_directory_is_refused_with_the_way_out(place: Place) -> None:
    place.says("ldap: true\n")
    async with place.agent(directory=False) as agent:
        failed = end(await agent.do(a_command()))
        assert failed.type is EventType.FAILED
        assert "WOD_AGENT_LDAP_URL" in str(failed.error)
        assert agent.delivery.calls == []


async def test_a_directory_that_is_away_fails_the_cleaning_before_the_home_and_it_can_be_repeated(place: Place) -> None:
    place.says("ldap: true\n")
    async with place.agent() as agent:
        await agent.do(a_command())
        password = agent.delivery.passwords[0]
        place.directory.away = True
        failed = end(await agent.do(a_command(Verb.CLEANUP, order=(1, 2))))
        assert failed.type is EventType.FAILED
        assert "away" in str(failed.error)
        assert ("clean", 7) not in agent.delivery.calls
        assert place.locked == [7]
        assert not await agent.log_in(7, password)
        place.directory.away = False
        done = end(await agent.do(a_command(Verb.CLEANUP, order=(1, 3))))
        assert (done.type, done.completion) == (EventType.DONE, 75)
        assert place.directory.known["student7"] != password


async def test_a_password_in_a_directory_that_is_configured_no_more_is_not_forgotten(place: Place) -> None:
    place.says("ldap: true\n")
    async with place.agent() as agent:
        await agent.do(a_command())
    async with place.agent(directory=False) as agent:
        failed = end(await agent.do(a_command(Verb.PURGE, order=(1, 2))))
        assert failed.type is EventType.FAILED
        assert str(place.folder / "marks" / "student7") in str(failed.error)


async def test_varpass_keeps_the_password_for_other_playbooks_as_ansible_vault_reads_it(place: Place) -> None:
    place.says("varpass: true\n")
    kept = place.private / "ansible" / "variables_student7.yml"
    async with place.agent() as agent:
        await agent.do(a_command())
        password = agent.delivery.passwords[0]
        assert password not in kept.read_text()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert yaml.safe_load(_ansible_vault("view", kept, place.password_file)) == {"PASSSTU": password}
        await agent.do(a_command(Verb.CLEANUP, order=(1, 2)))
        assert not kept.exists()


async def test_varpass_leaves_the_operators_own_variables_of_the_seat_alone(place: Place) -> None:
    place.says("varpass: true\n")
    kept = place.private / "ansible" / "variables_student7.yml"
    kept.parent.mkdir(parents=True)
    kept.write_text("COLOUR: blue\n")
    _ansible_vault("encrypt", kept, place.password_file)
    async with place.agent() as agent:
        await agent.do(a_command())
        known = yaml.safe_load(_ansible_vault("view", kept, place.password_file))
        assert known == {"COLOUR": "blue", "PASSSTU": agent.delivery.passwords[0]}
        await agent.do(a_command(Verb.CLEANUP, order=(1, 2)))
        assert yaml.safe_load(_ansible_vault("view", kept, place.password_file)) == {"COLOUR": "blue"}


@pytest.mark.parametrize("fault", ["no password file", "another password"])
async def test_a_vault_that_cannot_be_used_is_refused_with_the_way_out(place: Place, fault: str) -> None:
    place.says("varpass: true\n")
    if fault == "no password file":
        place.password_file.unlink()
    else:
        SeatVariables(place.private / "ansible", place.password_file).keep_password(7, "known")
        place.password_file.write_text("another")
    async with place.agent() as agent:
        failed = end(await agent.do(a_command()))
        assert failed.type is EventType.FAILED
        assert "vault password" in str(failed.error)
        assert agent.delivery.calls == []


def test_a_seats_file_of_something_else_is_refused_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    for text in ("- secret\n", "a: !!python/object:os.system secret\n"):
        (tmp_path / "variables_student7.yml").write_text(text)
        with pytest.raises(DeliveryFailed, match=r"variables_student7\.yml") as failed:
            SeatVariables(tmp_path, tmp_path / "password").keep_password(7, "x")
        assert "secret" not in str(failed.value)


def _ansible_vault(verb: str, path: Path, password_file: Path) -> str:
    program = Path(sys.executable).parent / "ansible-vault"
    command = [str(program), verb, "--vault-password-file", str(password_file), str(path)]
    environment = os.environ | {"PAGER": "cat"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

"""A back end of ours serves an original api-db: its mails through our gate, labs by Ansible, and its rows changed."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from contract_back_end import BackEnd, back_end, make_content
from original_api_db import BASESTDID, PROMISE, OriginalApiDb, on_a_socket

from wod_demo.ports import free_port

ROOT = Path(__file__).parents[2]
PLAIN, FRAGILE = "WKSHP-Plain", "WKSHP-Fragile"
#: a lab takes seconds, of a busy machine with two cores several times as many
PATIENCE = 90.0


@dataclass
class Place:
    """The api-db on one side and the back end on the other, and people between them."""

    original: OriginalApiDb
    back_end: BackEnd

    async def ticked_until(self, condition: Callable[[], Any], what: str) -> None:  # poll: other processes work
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    await self.original.tick()
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{what} did not come within {PATIENCE:.0f} s") from None

    def seat(self, student: int) -> dict[str, Any]:
        return self.original.students[BASESTDID + student]

    async def enter(self, workshop: str, email: str) -> dict[str, Any]:
        """Somebody registers and gets his credentials; his row."""
        customer = self.original.register(workshop, email)
        await self.ticked_until(lambda: customer["lastEmailSent"] == "credentials", "the credentials")
        return customer

    async def leave(self, customer: dict[str, Any]) -> None:
        self.original.end(customer["id"])
        await self.ticked_until(lambda: customer["cleaned"], "the cleaning")

    def student_of(self, customer: dict[str, Any]) -> int:
        return int(customer["studentId"]) - BASESTDID

    def work_done(self, customer: dict[str, Any]) -> None:
        """Every code cell of his notebooks has been run."""
        for path in self.back_end.home(self.student_of(customer)).rglob("*.ipynb"):
            notebook = json.loads(path.read_text())
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code":
                    cell["execution_count"] = 1
            path.write_text(json.dumps(notebook))


@pytest.fixture(scope="module")
async def place() -> AsyncIterator[Place]:
    # pytest's own folders are closed to the students' uids
    folder = Path(tempfile.mkdtemp(prefix="wod-contract-"))
    folder.chmod(0o755)
    make_content(folder / "content", ROOT / "notebooks" / "WKSHP-Jupyter101", PLAIN, FRAGILE)
    original = OriginalApiDb()
    original.add_workshop(PLAIN, 1, 3)
    original.add_workshop(FRAGILE, 5, 6, reset=True)
    try:
        async with (
            on_a_socket(original.app(), free_port()) as url,
            back_end(folder / "state", folder / "content", url) as running,
        ):
            original.gate = running.settings.ports.mailgate
            yield Place(original, running)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def notebooks(place: Place, student: int) -> list[Path]:
    return list(place.back_end.home(student).rglob("*.ipynb"))


async def test_a_session_begins_and_ends(place: Place) -> None:
    ada = await place.enter(PLAIN, "ada@corp-a.com")
    student = place.student_of(ada)
    assert ada["active"] is True
    assert notebooks(place, student)
    assert await place.back_end.opens(student, ada["shown"])
    place.work_done(ada)
    refused = await place.back_end.refused_unheard()
    await place.leave(ada)
    assert ada["completionPercentage"] == 100
    assert place.seat(student)["assigned"] is False
    assert place.seat(student)["password"] != ada["shown"]
    assert not await place.back_end.opens(student, ada["shown"])
    assert notebooks(place, student) == []
    # the PURGE that follows has forgotten the number
    assert place.original.said[-1] == (f"PURGE {PROMISE} {ada['id']}", PLAIN)
    async with asyncio.timeout(PATIENCE):
        while await place.back_end.refused_unheard() == refused:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)  # poll: the gate works on after its peer has gone


async def test_a_seat_that_was_given_back_is_given_to_the_next(place: Place) -> None:
    first = await place.enter(PLAIN, "first@corp-a.com")
    await place.leave(first)
    second = await place.enter(PLAIN, "second@corp-a.com")
    assert second["studentId"] == first["studentId"]
    assert await place.back_end.opens(place.student_of(second), second["shown"])
    # what the first one's PURGE would say, had it not forgotten the number
    await place.original.say(f"PURGE {place.student_of(first)} {first['id']}", PLAIN)
    await place.ticked_until(lambda: "spooled command refused" in place.back_end.log("mailgate"), "the refusal")
    assert notebooks(place, place.student_of(second))
    assert await place.back_end.opens(place.student_of(second), second["shown"])
    assert place.seat(place.student_of(second))["assigned"] is True
    await place.leave(second)


async def test_a_range_is_reset_by_hand(place: Place) -> None:
    people = [await place.enter(FRAGILE, f"{number}@corp-b.com") for number in (1, 2)]
    for person in people:
        await place.leave(person)
        assert notebooks(place, place.student_of(person)) == []
        # without the reset that has forgotten the number the seat is not handed out
        assert place.seat(place.student_of(person))["assigned"] is True
    assert (f"RESET {PROMISE} {people[0]['id']}", FRAGILE) in place.original.said
    await place.original.say(f"RESET 5,6 {people[1]['id']}", FRAGILE)
    workshop = place.original.workshops[2]
    await place.ticked_until(lambda: workshop["capacity"] == 2, "the capacity")
    assert [place.seat(student)["assigned"] for student in (5, 6)] == [False, False]
    assert "no reset hook" in place.back_end.log("agent")


async def test_a_participant_is_taken_out(place: Place) -> None:
    ada = await place.enter(PLAIN, "out@corp-a.com")
    student = place.student_of(ada)
    await place.original.say(f"DELETE {student} {ada['id']}", PLAIN)
    await place.ticked_until(lambda: ada["cleaned"], "the cleaning")
    assert notebooks(place, student) == []
    assert not await place.back_end.opens(student, ada["shown"])
    await place.ticked_until(lambda: not place.seat(student)["assigned"], "the free seat")


async def test_a_crash_between_two_changes_is_made_good(place: Place) -> None:
    ada = place.original.register(PLAIN, "crash@corp-a.com")
    path = f"customer/{ada['id']}"
    place.original.held.add(path)
    await place.ticked_until(lambda: path in dict(place.original.puts), "the first change")
    student = place.student_of(ada)
    password = place.seat(student)["password"]
    place.back_end.supervisor.kill("agent")
    place.original.held.clear()
    place.original.let_go.set()
    assert ada["active"] is False
    await place.ticked_until(lambda: ada["lastEmailSent"] == "credentials", "the credentials")
    assert ada["shown"] == password
    assert await place.back_end.opens(student, password)
    await place.leave(ada)


async def test_no_password_is_in_a_log(place: Place) -> None:
    known = {values["password"] for _, values in place.original.puts if "password" in values}
    assert known
    for service in ("agent", "mailgate", "hub"):
        assert not {password for password in known if password in place.back_end.log(service)}

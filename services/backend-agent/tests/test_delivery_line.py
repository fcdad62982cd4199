"""Many seats through few runs of Ansible, with real runs: each seat's fate is its own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import pytest
from pydantic import SecretStr

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import RUN_MARKER, DeliveryFailed, Deployment, Progress, Seat
from wod_backend_agent.delivery.line import Pace
from wod_backend_agent.trees import Trees

ENDLESS = "{% if STDID == 3 %}{% for i in range(10 ** 12) %}{% endfor %}{% endif %}"


class Installation:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.content, self.private, self.homes, self.runs = (
            root / name for name in ("notebooks", "private", "homes", "runs")
        )
        for folder in (self.homes, self.runs, root / "delivered"):
            folder.mkdir(mode=0o700)
        self.delivery = self.opened(Pace(1))
        self.order: list[int] = []

    def opened(self, pace: Pace) -> AnsibleDelivery:
        return AnsibleDelivery(
            trees=Trees([self.content], self.private),
            homes=self.homes,
            runs=self.runs,
            delivered=self.root / "delivered",
            variables={},
            pace=pace,
        )

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def workshop(self, text: str, name: str = "WKSHP-Small") -> None:
        self.write(f"notebooks/{name}/lab.sh", text)
        self.write(f"notebooks/{name}/wod.yml", "varpass: true\n")

    def start(self, number: int, workshop: str = "WKSHP-Small") -> "Creation":
        return Creation(self, number, workshop)

    async def create(self, *numbers: int) -> list[BaseException | None]:
        creations = [self.start(number) for number in numbers]
        return await asyncio.gather(*(creation.work for creation in creations), return_exceptions=True)

    def lab(self, number: int, workshop: str = "WKSHP-Small") -> str:
        return (self.homes / f"student{number}" / workshop / "lab.sh").read_text(encoding="utf-8")

    def open_runs(self) -> list[str]:
        return [folder.name for folder in self.runs.iterdir() if (folder / "orders").is_fifo()]


class Creation:
    """A CREATE that goes on."""

    def __init__(self, place: Installation, number: int, workshop: str) -> None:
        self.run: UUID = uuid4()
        self.began = asyncio.Event()
        self._place = place
        self._number = number
        seat = Seat(number, place.homes / f"student{number}")
        deployment = Deployment(
            self.run, seat, workshop, number, SecretStr(f"pass{number}"), {"TOKEN": f"token{number}"}
        )
        self.work = asyncio.create_task(self._create(deployment))

    async def _create(self, deployment: Deployment) -> None:
        await self._place.delivery.create(deployment, self._heard)
        self._place.order.append(self._number)

    def _heard(self, step: Progress) -> None:
        if step.step == "deliver":
            self.began.set()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    place = Installation(tmp_path)
    async with aclosing(place.delivery):
        yield place


def processes_of(*runs: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARKER) in runs and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_a_seat_that_fails_fails_alone_and_all_end_in_order_in_one_run(place: Installation) -> None:
    place.workshop("{% if STDID == 3 %}{{ NO_SUCH }}{% endif %}seat {{ STDID }}\n")
    results = await place.create(1, 2, 3, 4, 5, 6)
    assert [type(result) for result in results] == [type(None)] * 2 + [DeliveryFailed] + [type(None)] * 3
    assert str(results[2]) == "lab.sh:1: 'NO_SUCH' is undefined"
    assert place.order == [1, 2, 4, 5, 6]
    assert [place.lab(number) for number in place.order] == [f"seat {number}\n" for number in place.order]
    assert not (place.homes / "student3").exists()
    assert len(place.open_runs()) == 1


async def test_what_one_seat_has_is_not_in_anothers_rendering(place: Installation) -> None:
    """Its file and its password, and what a template has put into a list that all seats share."""
    place.write("private/ansible/group_vars/all.yml", "SHARED: [all]\n")
    for number in (1, 2):
        place.write(f"private/ansible/variables_student{number}.yml", f"SECRET_{number}: secret{number}\n")
    own = "{{ PASSSTU }} {{ TOKEN }} {{ SECRET_1 | default('-') }} {{ SECRET_2 | default('-') }}"
    place.workshop("{% set _ = SHARED.append(PASSSTU) %}" + own + " {{ SHARED | length }}\n")
    assert await place.create(1, 2) == [None, None]
    assert place.lab(1) == "pass1 token1 secret1 - 2\n"
    assert place.lab(2) == "pass2 token2 - secret2 2\n"


async def test_variables_that_change_reach_the_next_seat_of_an_open_run(place: Installation) -> None:
    place.workshop("{{ WHO }}\n")
    for who, number in (("first", 1), ("second", 2)):
        place.write("private/ansible/group_vars/all.yml", f"WHO: {who}\n")
        assert await place.create(number) == [None]
        assert place.lab(number) == f"{who}\n"
    assert len(place.open_runs()) == 1


async def test_a_result_comes_while_the_next_seat_is_still_at_work(place: Installation) -> None:
    place.workshop(ENDLESS)
    first, last = place.start(1), place.start(3)
    await first.work
    await last.began.wait()
    assert not last.work.done()
    last.work.cancel()
    await asyncio.wait([last.work])


async def test_one_that_waits_alone_is_not_kept_for_company(place: Installation) -> None:
    """Nothing else is ever asked for, and the run is still open when the result is there."""
    place.workshop("x")
    await place.start(1).work
    assert len(place.open_runs()) == 1


async def test_superseding_a_seat_ends_its_work_and_the_others_are_made(place: Installation) -> None:
    place.workshop(ENDLESS + "{{ STDID }}\n")
    creations = {number: place.start(number) for number in range(1, 7)}
    await creations[3].began.wait()
    [run] = place.open_runs()
    assert processes_of(run)
    creations[3].work.cancel()
    creations[5].work.cancel()
    await asyncio.wait([creations[3].work])
    assert processes_of(run, str(creations[3].run)) == []
    await asyncio.wait([creation.work for creation in creations.values()])
    assert place.order == [1, 2, 4, 6]
    assert sorted(home.name for home in place.homes.iterdir()) == [f"student{number}" for number in place.order]


async def test_a_run_that_is_killed_fails_the_seat_at_hand_and_no_other(place: Installation) -> None:
    place.workshop(ENDLESS + "{{ STDID }}\n")
    creations = {number: place.start(number) for number in (1, 3, 4)}
    await creations[3].began.wait()
    for process in processes_of(*place.open_runs()):
        process.kill()
    results = await asyncio.gather(*(creation.work for creation in creations.values()), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), DeliveryFailed, type(None)]


async def test_a_seat_whose_process_is_killed_says_so_and_the_run_goes_on(place: Installation) -> None:
    place.workshop(ENDLESS)
    creations = {number: place.start(number) for number in (3, 4)}
    await creations[3].began.wait()
    [run] = place.open_runs()
    processes = processes_of(run)
    parents = {process.ppid() for process in processes}
    [youngest] = [process for process in processes if process.pid not in parents]
    os.kill(youngest.pid, signal.SIGKILL)
    with pytest.raises(DeliveryFailed, match="its process was ended by signal 9"):
        await creations[3].work
    await creations[4].work
    assert place.open_runs() == [run]


async def test_an_idle_run_that_was_killed_is_no_fault_of_the_next_seat(place: Installation) -> None:
    place.workshop("{{ STDID }}\n")
    assert await place.create(1) == [None]
    for process in processes_of(*place.open_runs()):
        process.kill()
    assert await place.create(2) == [None]


async def test_a_run_ends_when_nothing_comes_for_a_while(tmp_path: Path) -> None:
    place = Installation(tmp_path)
    place.workshop("x")
    place.delivery = place.opened(Pace(1, idle_seconds=0))
    assert await place.create(1) == [None]
    async with asyncio.timeout(30):
        while list(place.runs.iterdir()):  # noqa: ASYNC110 - the end of a process
            await asyncio.sleep(0.01)  # poll: until the deadline


async def test_where_ansible_cannot_start_each_seat_hears_why(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.workshop("x")
    monkeypatch.setenv("ANSIBLE_STRATEGY", "no_such_strategy")
    results = await place.create(1, 2)
    assert [type(result) for result in results] == [DeliveryFailed] * 2
    assert "no_such_strategy" in str(results[0])


async def test_a_file_of_variables_that_holds_none_is_named(place: Installation) -> None:
    place.workshop("x")
    place.write("private/ansible/variables_student2.yml", "- a list\n")
    first, second = await place.create(1, 2)
    assert first is None
    assert "variables_student2.yml" in str(second)

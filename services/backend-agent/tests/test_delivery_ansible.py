"""The Ansible delivery, with real runs."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from jupyterlab_server.workspaces_handler import WorkspacesManager
from pydantic import SecretStr

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import RUN_MARKER, DeliveryFailed, Deployment, Progress, Seat
from wod_backend_agent.trees import Trees

PASSWORD = 'p"a\\ss {{ STDID }} é'


def notebook(*sources: str, executed: int = 0) -> str:
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "source": [source],
            "execution_count": 1 if number < executed else None,
        }
        for number, source in enumerate(sources)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})


class Place:
    """One location's folders, and a delivery on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.homes, self.runs = root / "homes", root / "runs"
        self.content = root / "notebooks"
        self.private = root / "private"
        self.delivered_results = root / "delivered"
        for folder in (self.homes, self.runs, self.content, self.private, self.delivered_results):
            folder.mkdir()
        self.seat = Seat(7, self.homes / "student7")
        self.delivery = AnsibleDelivery(
            trees=Trees([self.content], self.private, "production"),
            homes=self.homes,
            runs=self.runs,
            delivered=self.delivered_results,
            variables={"FROM_AGENT": "agent", "LAST": "agent {{ BRANDING }}"},
        )

    def workshop(self, files: dict[str, str], name: str = "WKSHP-Small") -> None:
        for path, text in files.items():
            self.write(self.content / name / path, text)

    @staticmethod
    def write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def deployment(self, workshop: str = "WKSHP-Small", seat: Seat | None = None) -> Deployment:
        return Deployment(uuid4(), seat or self.seat, workshop, 1, SecretStr(PASSWORD))

    async def create(self, workshop: str = "WKSHP-Small", seat: Seat | None = None) -> list[Progress]:
        steps: list[Progress] = []
        await self.delivery.create(self.deployment(workshop, seat), steps.append)
        return steps

    def left_of_orders(self) -> list[Path]:
        """A run of Ansible that is still open keeps its own folder."""
        return [folder for folder in self.runs.iterdir() if not (folder / "orders").is_fifo()]

    def delivered(self, path: str) -> str:
        return (self.seat.home / path).read_text(encoding="utf-8")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    async with aclosing(place.delivery):
        yield place


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*, env: dict[str, str] | None = None, **options: object) -> subprocess.Popen[bytes]:
        stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
        process = subprocess.Popen(  # type: ignore[call-overload]
            [sys.executable, "-c", stubborn], env=env, stdout=subprocess.PIPE, start_new_session=True, **options
        )
        assert process.stdout.readline() == b"\n"
        started.append(process)
        return process  # type: ignore[no-any-return]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def tree(top: Path) -> dict[str, str]:
    def state(path: Path) -> str:
        mode = f"{path.lstat().st_mode:o}"
        return f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}" if path.is_file() else mode

    return {str(path.relative_to(top)): state(path) for path in sorted(top.rglob("*"))}


async def test_create_makes_a_whole_home_that_jupyterlab_opens_at_the_first_notebook(place: Place) -> None:
    place.workshop({"0-ReadMeFirst.ipynb": notebook("{{ PASSSTU }} {{ STDID }}"), "Pictures/a.png": "{{ kept }}"})
    place.workshop({"wod.yml": "varpass: true\n"})
    Place.write(place.private / "skeleton" / ".inputrc", "set bell-style none\n")
    steps = await place.create()
    delivered = json.loads(place.delivered("WKSHP-Small/0-ReadMeFirst.ipynb"))
    assert delivered["cells"][0]["source"] == [f"{PASSWORD} 7"]
    assert place.delivered("WKSHP-Small/Pictures/a.png") == "{{ kept }}"
    assert (place.seat.home / ".bashrc").is_file()
    assert (place.seat.home / ".inputrc").is_file()
    assert place.seat.home.stat().st_mode & 0o777 == 0o700
    workspace = WorkspacesManager(str(place.seat.home / ".jupyter/lab/workspaces")).load("default")
    assert workspace["data"]["layout-restorer:data"]["main"]["current"] == "notebook:WKSHP-Small/0-ReadMeFirst.ipynb"
    assert [step.step for step in steps] == ["account", "deliver"]
    assert steps[-1].message == "Preparing 1 notebook for you"
    assert place.left_of_orders() == []
    assert list(place.homes.iterdir()) == [place.seat.home]


async def test_create_reports_every_error_and_keeps_the_old_home(place: Place) -> None:
    broken = json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{"cell_type": "code"}]})
    place.workshop(
        {
            "1.ipynb": notebook("fine").replace("fine", "{{ NO_SUCH }}") + "\n\n{{ NOR_THIS.at.all }}",
            "2.ipynb": broken,
            "3.ipynb": "{",
            "4.sh": "a\n{% if %}\n",
        }
    )
    Place.write(place.seat.home / "kept", "kept")
    with pytest.raises(DeliveryFailed) as failed:
        await place.create()
    lines = str(failed.value).splitlines()
    assert lines[0] == "1.ipynb:1: 'NO_SUCH' is undefined"
    assert lines[1] == "1.ipynb:3: 'NOR_THIS' is undefined"
    assert [line.split(":")[0] for line in lines[2:]] == ["2.ipynb", "3.ipynb", "4.sh"]
    assert list(place.homes.rglob("*")) == [place.seat.home, place.seat.home / "kept"]
    assert place.left_of_orders() == []


async def test_later_sources_of_variables_win(place: Place) -> None:
    """Each source says something else of all that come after it."""
    sources = {
        place.content / "ansible/group_vars/all.yml": "PUBLIC_ALL",
        place.content / "ansible/group_vars/production.yml": "PUBLIC_GROUP",
        place.private / "ansible/group_vars/all.yml": "PRIVATE_ALL",
        place.private / "ansible/group_vars/production.yml": "PRIVATE_GROUP",
        place.content / "ansible/variables_WKSHP-Small.yml": "PUBLIC_WORKSHOP",
        place.private / "ansible/variables_WKSHP-Small.yml": "PRIVATE_WORKSHOP",
        place.private / "ansible/variables_student7.yml": "STUDENT",
    }
    names = ["BRANDING", "LAST", "FROM_AGENT", *sources.values(), "STDID"]
    for path, name in sources.items():
        Place.write(path, "".join(f"{later}: of {name}\n" for later in names[names.index(name) :]))
    Place.write(place.private / "ansible/group_vars/staging.yml", "STUDENT: of another group\n")
    Place.write(place.private / "ansible/variables_student8.yml", "STUDENT: of another student\n")
    place.workshop({"values.sh": "\n".join(f"{name}={{{{ {name} }}}}" for name in names)})
    await place.create()
    assert dict(line.split("=") for line in place.delivered("WKSHP-Small/values.sh").splitlines()) == {
        "BRANDING": "Workshops-on-Demand",
        "LAST": "agent {{ BRANDING }}",
        "FROM_AGENT": "agent",
        **{name: f"of {name}" for name in sources.values()},
        "STDID": "7",
    }


async def test_a_tree_wins_over_the_locations_own_variables_and_may_name_others(place: Place) -> None:
    place.workshop({"values.sh": "{{ FROM_AGENT }} {{ GREETING }} {{ MODEWS }}\n"})
    Place.write(place.private / "ansible/group_vars/all.yml", "FROM_AGENT: overlay\nBRANDING: ours\n")
    Place.write(place.content / "ansible/variables_WKSHP-Small.yml", "GREETING: '{{ BRANDING }}!'\n")
    await place.create("CHLG-Small")
    assert place.delivered("CHLG-Small/values.sh") == "overlay ours! CHLG\n"


def test_of_two_public_folders_the_earlier_ones_variables_win(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        Place.write(tmp_path / folder / "ansible/variables_WKSHP-Small.yml", "A: a\n")
    found = Trees([tmp_path / "first", tmp_path / "second"]).variable_files("CHLG-Small", 7)
    assert [path.parts[-3] for path in found] == ["second", "first"]


async def test_everything_undefined_is_reported_at_once_with_file_and_line(place: Place) -> None:
    place.workshop(
        {
            "1.ipynb": notebook("a") + "\n\n{{ NO_SUCH }}",
            "deep/2.sh": "a\n{{ hostvars[inventory_hostname]['IP-WKSHP-Small'] }}\n{{ A }} {{ B }}\n{{ NEITHER }}\n",
            "3.yaml": "{% if PASSSTU_OLD %}x{% endif %}",
        }
    )
    source = "A: '{{ OF_A_FILE }}'\nB: b\n"
    Place.write(place.private / "ansible/variables_WKSHP-Small.yml", source)
    with pytest.raises(DeliveryFailed) as failed:
        await place.create()
    assert str(failed.value).splitlines() == [
        "1.ipynb:3: 'NO_SUCH' is undefined",
        "3.yaml:1: 'PASSSTU_OLD' is undefined",
        "deep/2.sh:2: 'IP-WKSHP-Small' is undefined",
        "deep/2.sh:3: the value of A cannot be had: 'OF_A_FILE' is undefined",
        "deep/2.sh:4: 'NEITHER' is undefined",
    ]


async def test_a_broken_source_of_variables_is_named_and_not_quoted(place: Place) -> None:
    place.workshop({"a.sh": "{{ WRONG }}"})
    source = place.private / "ansible/variables_WKSHP-Small.yml"
    Place.write(source, "WRONG: '{{ NO_SUCH }}'\n")
    with pytest.raises(DeliveryFailed, match="the value of WRONG cannot be had: 'NO_SUCH' is undefined"):
        await place.create()
    Place.write(source, "TOKEN: [top-secret\nA: 1\n")
    with pytest.raises(DeliveryFailed, match=r"variables_WKSHP-Small\.yml:2") as failed:
        await place.create()
    assert "top-secret" not in str(failed.value)


async def test_host_variables_reach_a_template_by_a_name_with_dashes(place: Place) -> None:
    place.workshop({"a.sh": "{{ hostvars[inventory_hostname]['IP-WKSHP-Small'] }}\n"})
    Place.write(place.content / "ansible/variables_WKSHP-Small.yml", "IP-WKSHP-Small: 10.0.0.7\n")
    await place.create()
    assert place.delivered("WKSHP-Small/a.sh") == "10.0.0.7\n"


async def test_a_run_after_a_crash_gives_the_same_home(place: Place) -> None:
    place.workshop({"0-ReadMeFirst.ipynb": notebook("{{ STDID }}"), "deep/er/run.sh": "#!/bin/sh\n"})
    await place.create()
    first = tree(place.seat.home)
    Place.write(place.homes / ".student7.crashed" / "WKSHP-Small" / "half", "half")
    Place.write(place.homes / ".student77.other" / "kept", "of another seat")
    Place.write(place.seat.home / "of the last student", "x")
    deployment = place.deployment()
    Place.write(place.runs / str(deployment.run) / "variables.yml", "left over")
    await place.delivery.create(deployment, lambda _step: None)
    assert tree(place.seat.home) == first
    assert sorted(path.name for path in place.homes.iterdir()) == [".student77.other", "student7"]
    assert place.left_of_orders() == []


async def test_cancelling_ends_every_process_and_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOD_AGENT_SECRET", "of the agent")
    place.workshop({"endless.sh": "{% for i in range(10 ** 12) %}{% endfor %}"})
    deployment = place.deployment()
    began = asyncio.Event()

    def heard(step: Progress) -> None:
        if step.step == "deliver":
            began.set()

    creating = asyncio.create_task(place.delivery.create(deployment, heard))
    await began.wait()
    runs = [folder.name for folder in place.runs.iterdir()]
    running = marked(*runs)
    assert running
    assert not any(PASSWORD in " ".join(process.cmdline()) for process in running)
    assert not any("WOD_AGENT_SECRET" in process.environ() for process in running)
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert marked(*runs) == []
    assert list(place.homes.iterdir()) == []
    assert list(place.runs.iterdir()) == []


def marked(*runs: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARKER) in runs and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_clean_ends_the_seats_processes_and_empties_the_home(
    place: Place, spawn: Callable[..., subprocess.Popen[bytes]]
) -> None:
    Place.write(place.seat.home / "work\nin" / "progress", "x")
    (place.seat.home / "out").symlink_to(place.content)
    place.workshop({"kept": "kept"})
    theirs = [spawn(cwd=place.seat.home), spawn(env={"JUPYTERHUB_USER": "student7"})]
    others = spawn(env={"JUPYTERHUB_USER": "student77"})
    await place.delivery.clean(uuid4(), place.seat)
    assert [process.poll() for process in theirs] == [-9, -9]
    assert others.poll() is None
    assert list(place.homes.rglob("*")) == [place.seat.home]
    assert place.seat.home.stat().st_mode & 0o777 == 0o700
    assert (place.content / "WKSHP-Small" / "kept").is_file()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: seats with uids of their own")
async def test_a_seat_with_a_uid_owns_its_home_and_loses_its_processes(
    place: Place, spawn: Callable[..., subprocess.Popen[bytes]]
) -> None:
    seat = Seat(8, place.homes / "student8", uid=61008)
    place.workshop({"a/b.sh": "x"})
    await place.create(seat=seat)
    assert {path.lstat().st_uid for path in (seat.home, *seat.home.rglob("*"))} == {61008}
    theirs = spawn(cwd="/", env={}, user=61008, group=61008)
    another = spawn(cwd=place.root, env={"JUPYTERHUB_USER": "student8"})
    await place.delivery.clean(uuid4(), seat)
    assert theirs.poll() == -9
    assert another.poll() is None
    assert seat.home.stat().st_uid == 61008
    assert list(seat.home.iterdir()) == []


async def test_a_home_that_is_a_link_is_replaced_not_followed(place: Place) -> None:
    victim = place.root / "victim"
    Place.write(victim / "precious", "x")
    place.seat.home.symlink_to(victim)
    await place.delivery.clean(uuid4(), place.seat)
    assert (victim / "precious").read_text() == "x"
    assert not place.seat.home.is_symlink()


@pytest.mark.parametrize("home", ["elsewhere/student7", "homes/deeper/student7", "homes/.hidden", "homes/../student7"])
async def test_clean_refuses_what_is_not_a_home(place: Place, home: str) -> None:
    Place.write(place.root / home / "precious", "x")
    with pytest.raises(DeliveryFailed, match="nothing is touched"):
        await place.delivery.clean(uuid4(), Seat(7, place.root / home))
    assert (place.root / home / "precious").is_file()


async def test_measure_counts_what_has_run(place: Place) -> None:
    Place.write(place.seat.home / "WKSHP-Small" / "1.ipynb", notebook("a", "b", executed=1))
    Place.write(place.seat.home / "WKSHP-Small" / "2.ipynb", notebook("c"))
    assert await place.delivery.measure(uuid4(), place.seat, "WKSHP-Small") == 33
    assert await place.delivery.measure(uuid4(), place.seat, "WKSHP-Other") is None


async def test_measure_leaves_out_what_was_delivered_already_run(place: Place) -> None:
    place.workshop({"1.ipynb": notebook("a {{ STDID }}", "b", "c", "d", executed=3)})
    await place.create()
    assert await place.delivery.measure(uuid4(), place.seat, "WKSHP-Small") == 0
    path = place.seat.home / "WKSHP-Small" / "1.ipynb"
    content = json.loads(path.read_text())
    content["cells"][1]["execution_count"] = 9
    path.write_text(json.dumps(content))
    assert await place.delivery.measure(uuid4(), place.seat, "WKSHP-Small") == 25
    place.workshop({"1.ipynb": notebook("a 7", executed=0)})
    await place.create()
    Place.write(path, notebook("a 7", executed=1))
    assert await place.delivery.measure(uuid4(), place.seat, "WKSHP-Small") == 100


def test_knows_the_workshops_of_both_trees_and_their_challenges(place: Place) -> None:
    place.workshop({"a": "a"})
    Place.write(place.private / "notebooks" / "WKSHP-Secret" / "a", "a")
    known = [name for name in ("WKSHP-Small", "CHLG-Small", "WKSHP-Secret", "WKSHP-No") if place.delivery.knows(name)]
    assert known == ["WKSHP-Small", "CHLG-Small", "WKSHP-Secret"]
    for hostile in ("../notebooks/WKSHP-Small", "WKSHP-../WKSHP-Small", "WKSHP-", "WKSHP-Small/", "WKSHP-Small\n", ""):
        assert not place.delivery.knows(hostile)


async def test_create_of_the_real_workshop_takes_seconds_not_minutes(place: Place) -> None:
    shared = Path(os.environ.get("WOD_SHARED", Path(__file__).parents[4] / "shared")) / "real-workshops"
    if not shared.is_dir():
        pytest.skip(f"the real workshops are not at {shared}: set WOD_SHARED")
    (place.content / "WKSHP-API101").symlink_to(shared / "WKSHP-API101")
    assert not place.delivery.knows("WKSHP-API101")
    delivery = AnsibleDelivery(
        trees=Trees([shared], place.private),
        homes=place.homes,
        runs=place.runs,
        delivered=place.delivered_results,
        variables={},
    )
    start = time.monotonic()
    await delivery.create(place.deployment("WKSHP-API101"), lambda _step: None)
    assert time.monotonic() - start < 30
    delivered = (place.seat.home / "WKSHP-API101").rglob("*.*")
    assert len([path for path in delivered if ".ipynb_checkpoints" not in path.parts]) == 16

"""What every way to deliver does, through Ansible and through the hub alike."""

import asyncio
import json

import psutil
import pytest
from delivery_places import PASSWORD, WORKSHOP, Place, notebook

from wod_backend_agent.delivery.base import RUN_MARKER, DeliveryFailed, Progress
from wod_backend_agent.seat_archive import WORKSPACE
from wod_backend_agent.trees import SKELETON
from wod_common.capabilities import Capability

BINARY = bytes(range(256)) * 40
ODD_NAMES = (
    "a b%20c#d?e&f+g;h=i.txt",
    'quote\'s "and" back\\slash.txt',
    "new\nline.txt",
    "żółć/Übung 日本.md",
    "emoji 🚀.txt",
    "checkpoints",
    "sub/checkpoints/plain",
    "sub/trust",
    ".hidden/.file",
    "-rf",
    "~tilde",
    "index.html",
    "trailing ",
)


def skeleton() -> dict[str, bytes]:
    return {str(path.relative_to(SKELETON)): path.read_bytes() for path in SKELETON.rglob("*") if path.is_file()}


async def test_create_puts_exactly_these_files_into_the_seat(place: Place) -> None:
    plain = {
        "pictures/deep/er/a.bin": BINARY,
        "empty": b"",
        "no-newline.txt": b"one line",
        "crlf.txt": b"a\r\nb\r\n",
        "not-utf8.dat": b"\xff\xfe{{ kept }}",
        "large.bin": BINARY * 1000,
        **{name: f"this is {name!r}".encode() for name in ODD_NAMES},
    }
    place.workshop({"0-ReadMeFirst.ipynb": notebook(("{{ PASSSTU }} {{ STDID }} ü", None)), **plain})
    place.workshop({"run.sh": "#!/bin/sh\necho {{ MODEWS }} {{ PLACE }}\n", "wod.yml": "varpass: true\n"})
    await place.create()
    found = place.files()
    workspace = json.loads(found.pop(WORKSPACE))
    read_me = json.loads(found.pop(f"{WORKSHOP}/0-ReadMeFirst.ipynb"))
    assert read_me["cells"][0]["source"] == [f"{PASSWORD} {place.seat.number} ü"]
    assert workspace["data"]["layout-restorer:data"]["main"]["current"] == f"notebook:{WORKSHOP}/0-ReadMeFirst.ipynb"
    assert found == skeleton() | {f"{WORKSHOP}/{name}": content for name, content in plain.items()} | {
        f"{WORKSHOP}/run.sh": b"#!/bin/sh\necho WKSHP a place {{ with }} braces\n",
        f"{WORKSHOP}/wod.yml": b"varpass: true\n",
    }
    assert place.seat.home.stat().st_mode & 0o777 == 0o700


async def test_a_notebook_arrives_byte_for_byte_as_it_was_written(place: Place) -> None:
    odd = notebook(("1", None)).replace(", ", " ,\n\t") + "\n\n"
    place.workshop({"1.ipynb": odd})
    await place.create()
    assert place.files()[f"{WORKSHOP}/1.ipynb"] == odd.encode()
    assert place.checkpoint("1.ipynb") == odd.encode()


async def test_an_empty_workshop_is_an_empty_folder(place: Place) -> None:
    place.workshop({"wod.yml": "varpass: false\n"})
    (place.content / WORKSHOP / "wod.yml").unlink()
    await place.create()
    assert (place.seat.home / WORKSHOP).is_dir()
    assert place.files() == skeleton()


async def test_steps_are_told_in_order(place: Place) -> None:
    place.workshop({"1.ipynb": notebook(("1", None))})
    steps = await place.create()
    assert [step.percent for step in steps] == sorted(step.percent for step in steps)
    assert steps[-1].step == "deliver"
    assert steps[-1].message == "Preparing 1 notebook for you"


async def test_create_over_a_used_seat_leaves_nothing_of_the_former(place: Place) -> None:
    place.workshop({"1.ipynb": notebook(("1", None)), "old.txt": "old"})
    await place.create()
    place.leave("left/behind.txt", "by the former")
    place.leave(".bashrc", "echo caught")
    (place.content / WORKSHOP / "old.txt").unlink()
    await place.create()
    assert place.files().keys() == skeleton().keys() | {WORKSPACE, f"{WORKSHOP}/1.ipynb"}
    assert place.files()[".bashrc"] == skeleton()[".bashrc"]


async def test_a_workshop_that_does_not_render_delivers_nothing_and_says_where(place: Place) -> None:
    broken = notebook(("fine", None)).replace("fine", "{{ NO_SUCH }}") + "\n\n{{ NOR_THIS.at.all }}"
    place.workshop({"1.ipynb": broken, "2.ipynb": "{", "fine.txt": "fine"})
    with pytest.raises(DeliveryFailed) as failed:
        await place.create()
    lines = str(failed.value).splitlines()
    assert lines[:2] == ["1.ipynb:1: 'NO_SUCH' is undefined", "1.ipynb:3: 'NOR_THIS' is undefined"]
    assert lines[2].startswith("2.ipynb: ")
    assert place.files() == {}
    assert not await place.runs_a_server()
    assert place.kept_by_agent() == []


async def test_secrets_are_in_no_message_and_no_file_of_the_agent(place: Place) -> None:
    place.workshop({"a.sh": "{{ 1 / (PASSSTU | int) }} {{ PASSSTU.no }}\n", "wod.yml": "varpass: true\n"})
    place.workshop({"b.sh": "{{ (PASSSTU ~ '!') | to_uuid(namespace=PASSSTU) }}\n"})
    with pytest.raises(DeliveryFailed) as failed:
        await place.create()
    assert PASSWORD not in str(failed.value)
    assert place.kept_by_agent() == []


async def test_a_password_without_varpass_is_named_as_the_way_out(place: Place) -> None:
    place.workshop({"a.sh": "{{ PASSSTU }}\n"})
    with pytest.raises(DeliveryFailed, match="PASSSTU needs varpass: true"):
        await place.create()


async def test_measure_counts_what_was_run_beyond_what_was_delivered(place: Place) -> None:
    place.workshop({"1.ipynb": notebook(("1", None), ("2", None)), "sub/2.ipynb": notebook(("3", 1), ("4", None))})
    await place.create()
    assert await place.delivery.measure(place.deployment().run, place.seat, WORKSHOP) == 0
    place.leave(f"{WORKSHOP}/1.ipynb", notebook(("1", 1), ("2", 2)))
    place.leave(f"{WORKSHOP}/not-json.ipynb", "{")
    place.leave(f"{WORKSHOP}/.ipynb_checkpoints/1.ipynb", notebook(("1", 1)))
    assert await place.delivery.measure(place.deployment().run, place.seat, WORKSHOP) == 50


async def test_measure_of_a_workshop_without_cells_is_none(place: Place) -> None:
    place.workshop({"read.md": "read"})
    await place.create()
    assert await place.delivery.measure(place.deployment().run, place.seat, WORKSHOP) is None


async def test_clean_empties_the_seat_and_again_is_fine(place: Place) -> None:
    place.workshop({"1.ipynb": notebook(("1", None))})
    await place.create()
    place.leave("own/work.txt", "mine")
    for _ in range(2):
        await place.delivery.clean(place.deployment().run, place.seat)
        assert place.files() == {}
        assert not await place.runs_a_server()
    assert [path.name for path in place.homes.iterdir() if path.name.startswith(f".{place.seat.username}.")] == []


async def test_cancelled_in_the_middle_nothing_runs_and_a_later_create_works(place: Place) -> None:
    place.workshop({"1.ipynb": notebook(("1", None)), "large.bin": BINARY * 2000})
    for step in ("render", "server", "deliver") if place.hub else ("account", "deliver"):
        deployment, reached = place.deployment(), asyncio.Event()

        def note(progress: Progress, awaited: str = step, event: asyncio.Event = reached) -> None:
            if progress.step == awaited:
                event.set()

        work = asyncio.create_task(place.delivery.create(deployment, note))
        told = asyncio.create_task(reached.wait())
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
        assert not work.done()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert _marked(str(deployment.run)) == []
        assert not await place.runs_a_server()
        assert place.kept_by_agent() == []
    await place.create()
    assert place.files()[f"{WORKSHOP}/large.bin"] == BINARY * 2000


def _marked(run: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARKER) == run:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize(
    ("files", "hooks", "need"),
    [
        ({"wod.yml": "ldap: true\n"}, [], Capability.LDAP),
        ({"wod.yml": "compile: check.sh\n", "check.sh": "#!/bin/sh\n"}, [], Capability.COMPILE),
        ({"a.txt": ""}, ["post-copy"], Capability.HOOKS),
        ({"wod.yml": "varpass: true\n"}, [], Capability.VARPASS),
    ],
)
async def test_a_workshop_that_needs_more_is_refused_with_the_reason(
    place: Place, files: dict[str, str], hooks: list[str], need: Capability
) -> None:
    place.workshop(files)
    for kind in hooks:
        hook = place.content / "scripts" / f"{kind}-{WORKSHOP}.sh"
        place.write(hook, "#!/bin/sh\n")
    if need in place.delivery.capabilities:
        place.delivery.admit(WORKSHOP)
        return
    with pytest.raises(DeliveryFailed, match=f"{WORKSHOP} cannot be delivered here.*{need}"):
        place.delivery.admit(WORKSHOP)
    with pytest.raises(DeliveryFailed, match="cannot be delivered here"):
        await place.create()
    assert place.files() == {}


async def test_an_appliances_address_is_known(place: Place) -> None:
    place.workshop({"wod.yml": f"multiappliance: true\nrange: [{place.seat.number}, 99]\n"})
    place.write(place.content / "ansible" / f"variables_{WORKSHOP}.yml", f'"IP-{WORKSHOP}": 10.0.0.5\n')
    assert await place.delivery.target(place.deployment().run, place.seat, WORKSHOP) == "10.0.0.5"

"""Homes full of what a student may put there."""

import json
import os
from pathlib import Path

import pytest

from wod_backend_agent.playbooks.library import wod_completion as completion_module
from wod_backend_agent.playbooks.library.wod_completion import completion, results
from wod_backend_agent.playbooks.library.wod_seat import UnsafeHome, replace_home


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    (tmp_path / "homes" / "student1").mkdir(parents=True)
    return tmp_path / "homes"


def empty(homes: Path) -> None:
    replace_home(homes, homes / "student1", None, run="run", uid=None)
    assert list(homes.rglob("*")) == [homes / "student1"]


def test_a_tree_deeper_than_any_path_is_removed(homes: Path) -> None:
    handle = os.open(homes / "student1", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    empty(homes)


def test_links_devices_and_closed_folders_are_removed_and_never_followed(homes: Path, tmp_path: Path) -> None:
    home, victim = homes / "student1", tmp_path / "victim"
    victim.mkdir(0o755)
    (victim / "precious").write_text("x")
    (home / "closed" / "inside").mkdir(parents=True)
    (home / "closed" / "inside").chmod(0)
    (home / "closed").chmod(0)
    (home / "link").symlink_to(victim)
    (home / "loop").symlink_to("loop")
    os.mkfifo(home / "fifo")
    (home / "-rf $(x)\n'\"").write_text("x")
    (homes / "student1" / os.fsdecode(b"\xff\xfe")).write_text("x")
    empty(homes)
    assert (victim / "precious").read_text() == "x"
    assert victim.stat().st_mode & 0o777 == 0o755


def test_a_home_of_20000_files_is_removed(homes: Path) -> None:
    for number in range(100):
        folder = homes / "student1" / str(number)
        folder.mkdir()
        for file in range(200):
            os.close(os.open(folder / str(file), os.O_CREAT | os.O_WRONLY))
    empty(homes)


def test_what_is_not_directly_in_the_folder_of_homes_is_refused(homes: Path) -> None:
    for home in (homes, homes / "student1" / "deeper", Path("student1"), homes / ".student2"):
        with pytest.raises(UnsafeHome):
            replace_home(homes, home, None, run="run", uid=None)


def cells(*counts: int | None) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": "x", "execution_count": count} for count in counts]})


def test_completion_is_a_whole_per_cent(homes: Path) -> None:
    folder = homes / "student1" / "WKSHP-A"
    folder.mkdir()
    assert completion(homes / "student1", "WKSHP-A") is None
    (folder / "1.ipynb").write_text(cells(1, None, 7))
    assert completion(homes / "student1", "WKSHP-A") == 66


def test_completion_passes_over_hostile_notebooks(homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion_module, "LARGEST_NOTEBOOK", 10_000)
    folder = homes / "student1" / "WKSHP-A"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (tmp_path / "outside.ipynb").write_text(cells(1, 1))
    (folder / "link.ipynb").symlink_to(tmp_path / "outside.ipynb")
    (folder / ".ipynb_checkpoints" / "a.ipynb").write_text(cells(1, 1))
    (folder / "huge.ipynb").write_text(cells(*[1] * 1000))
    (folder / "deep.ipynb").write_text("[" * 9000)
    for number, text in enumerate(("{", "[]", "1", '{"cells": 3}', '{"cells": [3]}', "\x00")):
        (folder / f"broken{number}.ipynb").write_text(text)
    (folder / "folder.ipynb").mkdir()
    os.mkfifo(folder / "fifo.ipynb")
    (folder / "good.ipynb").write_text(cells(1, None))
    assert completion(homes / "student1", "WKSHP-A") == 50


DELIVERED = {
    "cell_type": "code",
    "source": "a = 1\nprint(a)",
    "metadata": {"execution": {"iopub.execute_input": "2026-11-22T18:00:00Z"}},
    "execution_count": 1,
    "outputs": [{"output_type": "stream", "name": "stdout", "text": "1\n2\n"}],
}


@pytest.mark.parametrize(
    ("change", "per_cent"),
    [
        ({}, 0),
        ({"source": ["a = 1\n", "print(a)"], "id": "new"}, 0),
        ({"outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}]}, 0),
        ({"metadata": DELIVERED["metadata"] | {"collapsed": True}}, 0),  # type: ignore[operator]
        ({"execution_count": None}, 0),
        ({"execution_count": 2}, 100),
        ({"source": "a = 2\nprint(a)"}, 100),
        ({"outputs": []}, 100),
        ({"metadata": {"execution": {"iopub.execute_input": "2026-11-24T10:00:00Z"}}}, 100),
        ({"metadata": "broken", "outputs": {"broken": [[1]]}}, 100),
    ],
)
def test_completion_counts_what_is_not_as_it_was_delivered(
    homes: Path, change: dict[str, object], per_cent: int
) -> None:
    folder = homes / "student1" / "WKSHP-A"
    folder.mkdir()
    (folder / "renamed.ipynb").write_text(json.dumps({"cells": [DELIVERED | change]}))
    delivered = results(json.dumps({"cells": [DELIVERED]}).encode())
    assert completion(homes / "student1", "WKSHP-A", delivered) == per_cent


@pytest.mark.parametrize("broken", ["{", "[]", '{"cells": [3]}', '{"cells": [{"cell_type": "code"}]}'])
def test_a_broken_notebook_brings_no_results(broken: str) -> None:
    assert results(broken.encode()) == set()


def test_a_cell_nested_deeply_is_measured(homes: Path) -> None:
    nested: list[object] = []
    for _ in range(900):
        nested = [nested]
    (homes / "student1" / "WKSHP-A").mkdir()
    text = json.dumps({"cells": [DELIVERED | {"outputs": nested}]})
    (homes / "student1" / "WKSHP-A" / "1.ipynb").write_text(text)
    assert completion(homes / "student1", "WKSHP-A", {"another"}) == 100


def test_completion_does_not_follow_a_workshop_that_is_a_link(homes: Path, tmp_path: Path) -> None:
    (tmp_path / "1.ipynb").write_text(cells(1))
    (homes / "student1" / "WKSHP-A").symlink_to(tmp_path)
    assert completion(homes / "student1", "WKSHP-A") is None

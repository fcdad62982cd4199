"""The process that makes or empties a home is killed before each of its changes to the disk: what is seen is whole."""

import json
import subprocess
import sys
import tarfile
from itertools import count
from pathlib import Path

import pytest
from chaos_kit import digest

from wod_backend_agent.playbooks.library import wod_seat

#: Ends itself before the given change; what the interpreter does for itself comes before the hook is set.
PROGRAM = """
import json, os, runpy, signal, sys
module, arguments, place = runpy.run_path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chown", "os.chmod", "os.link", "os.symlink", "os.truncate"}
seen = 0
def count(event, values):
    global seen
    if event in CHANGES or (event == "open" and isinstance(values[2], int) and values[2] & os.O_CREAT):
        seen += 1
        if seen == place:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
module["seat"](arguments)
"""
Tree = dict[str, tuple[str, str]]


def tree(homes: Path) -> Tree:
    return {
        str(path.relative_to(homes)): (oct(path.lstat().st_mode), digest(path, "nobody", "nothing"))
        for path in sorted(homes.rglob("*"))
    }


def make_old(homes: Path) -> None:
    (homes / "student1" / "work" / "deep").mkdir(parents=True)
    (homes / "student1" / "notes.txt").write_text("of the student")
    (homes / "student1" / "work" / "deep" / "more.txt").write_text("of the student")
    (homes / "student10").mkdir()
    (homes / "student10" / "neighbour.txt").write_text("of the neighbour")


def run(homes: Path, archive: Path | None, place: int) -> int:
    arguments = {
        "username": "student1",
        "homes": str(homes),
        "home": str(homes / "student1"),
        "run": "run",
        "uid": None,
    }
    program = [sys.executable, "-I", "-S", "-c", PROGRAM, wod_seat.__file__]
    values = json.dumps(arguments | {"archive": archive and str(archive)})
    return subprocess.run([*program, values, str(place)], check=False).returncode


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    content = tmp_path / "content"
    (content / "WKSHP-A").mkdir(parents=True)
    (content / "WKSHP-A" / "1.ipynb").write_text("{}")
    (content / "run.sh").write_text("#!/bin/sh\n")
    (content / "run.sh").chmod(0o755)
    with tarfile.open(tmp_path / "home.tar", "w") as packed:
        for path in sorted(content.rglob("*")):
            packed.add(path, path.relative_to(content), recursive=False)
    return tmp_path / "home.tar"


@pytest.mark.parametrize("cleaning", [False, True], ids=["made", "emptied"])
def test_a_home_is_the_old_one_or_the_new_one_whenever_its_making_is_killed(
    tmp_path: Path, archive: Path, cleaning: bool
) -> None:
    content = None if cleaning else archive
    make_old(calm := tmp_path / "calm")
    old = tree(calm)
    assert run(calm, content, 0) == 0
    new = tree(calm)
    for place in count(1):
        make_old(homes := tmp_path / f"cut-{place}")
        if run(homes, content, place) == 0:
            break
        seen = {name: state for name, state in tree(homes).items() if not name.startswith(".")}
        bare = {name: state for name, state in old.items() if name.startswith("student10")}
        assert seen in (old, new, bare), place
        assert run(homes, content, 0) == 0
        assert tree(homes) == new, place
    assert place > 10, "too few changes were seen: is the hook still called?"

"""Whoever still works in the demo's folders is ended, and nobody else."""

import subprocess
from pathlib import Path

from wod_demo.leftovers import end_leftovers


def sleeper(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True)
    return subprocess.Popen(["sleep", "600"], cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL)


def test_only_who_works_in_the_folders_is_ended(tmp_path: Path) -> None:
    ours, other = sleeper(tmp_path / "work" / "hub"), sleeper(tmp_path / "workshop")
    try:
        assert end_leftovers(tmp_path / "work") == [ours.pid]
        assert ours.poll() is not None
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()

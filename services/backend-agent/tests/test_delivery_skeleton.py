"""What a fresh home holds besides the workshop's own files."""

# Jupyter is annotated in part
# mypy: disallow-untyped-calls=False

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_server.services.contents.filemanager import FileContentsManager

from wod_backend_agent.playbooks.library.wod_seat import replace_home
from wod_backend_agent.rendering import RenderedFile
from wod_backend_agent.seat_archive import pack
from wod_backend_agent.trees import SKELETON

TO_PDF = SKELETON / ".local/bin/notebooks-to-pdf"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def unpacked(folder: Path, *files: RenderedFile) -> Path:
    pack(folder / "home.tar", "WKSHP-A", files, [SKELETON])
    replace_home(folder / "homes", folder / "homes/student7", folder / "home.tar", run="run", uid=None)
    return folder / "homes/student7"


def test_a_notebook_can_be_reverted_to_what_was_delivered(tmp_path: Path) -> None:
    home = unpacked(tmp_path, RenderedFile("labs/1.ipynb", EMPTY.encode()))
    contents = FileContentsManager(root_dir=str(home))
    path = "WKSHP-A/labs/1.ipynb"
    model = contents.get(path)
    model["content"]["cells"] = [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "the student's"}]
    contents.save(model, path)
    [checkpoint] = contents.list_checkpoints(path)
    contents.restore_checkpoint(checkpoint["id"], path)
    assert contents.get(path)["content"]["cells"] == []


def test_programs_of_a_skeleton_can_be_run(tmp_path: Path) -> None:
    home = unpacked(tmp_path)
    assert (home / TO_PDF.relative_to(SKELETON)).stat().st_mode & 0o777 == 0o755
    assert (home / ".profile").stat().st_mode & 0o777 == 0o644


def test_notebooks_are_printed_beside_themselves_and_checkpoints_are_not(tmp_path: Path) -> None:
    if not any(map(shutil.which, CHROMIUM)):
        pytest.skip("no Chromium on this machine: printing notebooks was NOT tried")
    home = unpacked(tmp_path, RenderedFile("a lab.ipynb", EMPTY.encode()))
    environment = {"HOME": str(home), "PATH": os.defpath, "LAB_PROGRAMS": str(Path(sys.executable).parent)}
    done = subprocess.run([TO_PDF], env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.relative_to(home) for path in home.rglob("*.pdf")] == [Path("WKSHP-A/a lab.pdf")]
    assert (home / "WKSHP-A/a lab.pdf").read_bytes().startswith(b"%PDF")


def test_without_a_browser_printing_says_what_is_missing(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    done = subprocess.run(
        ["/bin/sh", TO_PDF],
        env={"HOME": str(tmp_path), "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no Chromium" in done.stderr

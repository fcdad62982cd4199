"""``python -m wod_demo`` where it must refuse, and what of the logs reaches the console."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from wod_demo.console import worth_showing
from wod_demo.settings import HOST, Ports


def demo(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    notebooks = folder.parent / "notebooks"
    notebooks.mkdir(exist_ok=True)
    ports = {Ports.variable(name): str(number) for name, number in vars(Ports.free()).items()}
    given = {"PATH": os.environ["PATH"], "WOD_DEMO_DIR": str(folder), "WOD_NOTEBOOKS": str(notebooks)} | ports
    return subprocess.run(
        [sys.executable, "-m", "wod_demo", *arguments], env=given | environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        result = demo(tmp_path / "demo", WOD_PORTAL_PORT=str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert "WOD_PORTAL_PORT" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "demo" / "log").iterdir())


def test_a_wrong_setting_is_said_in_one_line(tmp_path: Path) -> None:
    result = demo(tmp_path / "demo", WOD_SEATS="none")
    assert result.returncode == 1
    assert result.stderr == "demo: WOD_SEATS is a whole number from 1 to 9999, not 'none'\n"


def test_cleaning_nothing_of_ours_is_refused(tmp_path: Path) -> None:
    result = demo(tmp_path, "clean")
    assert result.returncode == 1
    assert "nothing was removed" in result.stderr


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"event": "started", "level": "info"}', None),
        ('{"event": "gone", "level": "error", "service": "x", "student": 3}', "error: gone student=3"),
        ("[I 2026-11-23 JupyterHub app:1] fine", None),
        ("[W 2026-11-23 JupyterHub app:1] odd", "[W 2026-11-23 JupyterHub app:1] odd"),
        ("2026-11-23 [12] FATAL:  out of disk", "2026-11-23 [12] FATAL:  out of disk"),
        ("[1, 2]", None),
    ],
)
def test_only_warnings_and_errors_reach_the_console(line: str, shown: str | None) -> None:
    assert worth_showing(line) == shown

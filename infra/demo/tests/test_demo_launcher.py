"""``python -m wod_demo`` where it must refuse, and what of the logs reaches the console."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from wod_demo.console import Screen, worth_showing
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


async def test_new_warnings_of_all_logs_are_shown_once(tmp_path: Path) -> None:
    (tmp_path / "hub.log").write_text("[E before the start] old\n")
    written = StringIO()
    screen = Screen(Console(file=written, width=200))
    following = asyncio.create_task(screen.follow(tmp_path))
    await asyncio.wait({following}, timeout=0)  # it has noted where the logs end
    with (tmp_path / "agent.log").open("a") as log:
        log.write("[E 1] first\n[I 2] quiet\n[E 3] half")
        log.flush()
        await until(lambda: "first" in written.getvalue())
        log.write(" and whole\n")
        log.flush()
        await until(lambda: "half and whole" in written.getvalue())
    following.cancel()
    assert written.getvalue().count("first") == 1
    assert "quiet" not in written.getvalue()
    assert "old" not in written.getvalue()


async def until(condition: Callable[[], bool]) -> None:  # poll: with a deadline
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come"
        await asyncio.sleep(0.02)

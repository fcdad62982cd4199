"""Ends every process of a seat, on the machine where they run, from inside an Ansible module: Python's own library only."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

#: Time to obey a SIGTERM before SIGKILL, and time after which a process that still lives is an error, in seconds.
GRACE = 0.5
LIMIT = 10.0
_PAUSE = 0.02


class StillRunning(Exception):
    """Processes that not even SIGKILL has ended, such as those in a hung mount."""


def end_processes(username: str, home: Path, uid: int | None) -> None:
    """Returns when no process of the seat lives.

    By its uid where the seat has one of its own; else by ``JUPYTERHUB_USER`` in its environment or by where it works,
    which a student who means to can evade: only uids isolate.
    """
    belongs = _by_uid(uid) if uid not in (None, 0, os.getuid()) else _by_traces(username, home)
    start = time.monotonic()
    while alive := _matching(belongs):
        waited = time.monotonic() - start
        if waited > LIMIT:
            raise StillRunning(f"processes of {username} outlived SIGKILL: {sorted(alive)}")
        for process in alive:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM if waited < GRACE else signal.SIGKILL)
        time.sleep(_PAUSE)


def _matching(belongs: Callable[[int], bool]) -> set[int]:
    """The seat's processes with all their children; never this process or one above it."""
    parents = dict(_parents())
    spared = _line_up(os.getpid(), parents)
    found = {process for process in parents if process not in spared and belongs(process)}
    below = {process for process in parents if found & _line_up(process, parents)}
    return below - spared


def _line_up(process: int, parents: dict[int, int]) -> set[int]:
    line: set[int] = set()
    while process and process not in line:
        line.add(process)
        process = parents.get(process, 0)
    return line


def _parents() -> list[tuple[int, int]]:
    """Each living process with its parent; zombies have ended."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state not in "ZX":
                found.append((int(folder.name), int(parent)))
    return found


def _by_uid(uid: int | None) -> Callable[[int], bool]:
    def belongs(process: int) -> bool:
        try:
            status = Path("/proc", str(process), "status").read_text(errors="replace")
        except OSError:
            return False
        # A student's set-uid program keeps the student's real uid.
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        return str(uid) in uids

    return belongs


def _by_traces(username: str, home: Path) -> Callable[[int], bool]:
    trace = f"JUPYTERHUB_USER={username}".encode()

    def belongs(process: int) -> bool:
        try:
            folder = Path("/proc", str(process))
            working = Path(str((folder / "cwd").readlink()).removesuffix(" (deleted)"))
            return working.is_relative_to(home) or trace in (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            return False

    return belongs

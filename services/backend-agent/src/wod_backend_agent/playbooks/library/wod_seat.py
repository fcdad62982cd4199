#!/usr/bin/python
"""Ansible module: makes a seat's home out of an archive, or ends its processes and empties it.

One file that needs nothing but Python's own library, sent as it is: putting together a module that imports Ansible's code
costs a quarter of a second, and so does running it.

The student owns what is in the home and may change it at any moment: nothing is ever followed, and every directory is held
open while it is worked in.
"""

import json
import os
import pwd
import signal
import stat
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

#: Ansible writes the arguments here, as JSON; a raw string of this kind can hold any JSON.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""
#: Time to obey a SIGTERM before SIGKILL, and time after which a process that still lives is an error, in seconds.
GRACE = 0.5
LIMIT = 10.0
_PAUSE = 0.02
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class UnsafeHome(Exception):
    """The home is not a plain name directly in the folder of homes."""


def replace_home(homes: Path, home: Path, archive: Path | None, *, run: str, uid: int | None) -> None:
    """A new home of mode 0700 in the old one's place, filled from the archive, complete before it can be seen.

    A crash leaves the old home, the new one, or for an instant none; the next call removes what is left over.
    """
    check_home(homes, home)
    homes.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _opened(homes) as folder:
        _remove_leftovers(folder, home.name)
        fresh, old = f".{home.name}.{run}", f".{home.name}.{run}.old"
        os.mkdir(fresh, 0o700, dir_fd=folder)
        _fill(homes / fresh, archive, uid)
        if _exists(folder, home.name):
            os.rename(home.name, old, src_dir_fd=folder, dst_dir_fd=folder)
        os.rename(fresh, home.name, src_dir_fd=folder, dst_dir_fd=folder)
        _remove_leftovers(folder, home.name)


def check_home(homes: Path, home: Path) -> None:
    if home.parent != homes or home.name.startswith(".") or not home.is_absolute():
        raise UnsafeHome(f"{home} is not directly in {homes}: nothing is touched")


def remove_tree(folder: int, name: str, spare: str) -> None:
    """Removes the entry ``name`` of an open directory, whatever it is.

    Each sub-directory is moved up and emptied in turn, so neither depth nor file descriptors run out. ``spare`` begins the
    names that they get for the while; a random part keeps them apart from those that a crash has left.
    """
    numbers = (f"{spare}{os.urandom(8).hex()}.{number}" for number in count())
    pending = [name]
    while pending:
        entry = pending.pop()
        if not _is_directory(folder, entry):
            os.unlink(entry, dir_fd=folder)
            continue
        with _opened_for_removal(folder, entry) as directory:
            for child in os.listdir(directory):  # noqa: PTH208 - a Path has no open directories
                if _is_directory(directory, child):
                    moved = next(numbers)
                    _make_movable(directory, child)
                    os.rename(child, moved, src_dir_fd=directory, dst_dir_fd=folder)
                    pending.append(moved)
                else:
                    os.unlink(child, dir_fd=directory)
        os.rmdir(entry, dir_fd=folder)


def _remove_leftovers(folder: int, name: str) -> None:
    spare = f".{name}."
    for entry in os.listdir(folder):
        if entry.startswith(spare):
            remove_tree(folder, entry, spare)


def _fill(home: Path, archive: Path | None, uid: int | None) -> None:
    made = [home]
    if archive is not None:
        with tarfile.open(archive) as content:
            made.extend(_unpack(content, member, home) for member in content)
    if uid is not None:
        group = _group(uid)
        for path in reversed(made):
            os.chown(path, uid, group, follow_symlinks=False)


def _unpack(content: tarfile.TarFile, member: tarfile.TarInfo, home: Path) -> Path:
    path = home / member.name
    if ".." in Path(member.name).parts or not path.is_relative_to(home):
        raise UnsafeHome(f"the archive holds {member.name!r}: nothing is delivered")
    if member.isdir():
        path.mkdir(member.mode)
        return path
    source = content.extractfile(member)
    if source is None:
        raise UnsafeHome(f"the archive holds {member.name!r}, which is no file: nothing is delivered")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, member.mode)
    with os.fdopen(handle, "wb") as target:
        target.write(source.read())
    return path


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, _DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _opened_for_removal(folder: int, name: str) -> Iterator[int]:
    _make_movable(folder, name)
    handle = os.open(name, _DIRECTORY, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)


def _make_movable(folder: int, name: str) -> None:
    """Lets an owner who is not root into a directory that has been closed; root needs no such help."""
    if os.geteuid() == 0:
        return
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        # chmod cannot be told not to follow a link; by this handle there is none to follow.
        Path(f"/proc/self/fd/{handle}").chmod(0o700)
    finally:
        os.close(handle)


def _is_directory(folder: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


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
        if waited > GRACE and uid and os.geteuid() == 0 and uid != os.getuid():
            _kill_all_of(uid)
        if waited > LIMIT:
            raise StillRunning(f"processes of {username} outlived SIGKILL: {sorted(alive)}")
        for process in alive:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM if waited < GRACE else signal.SIGKILL)
        time.sleep(_PAUSE)


def _kill_all_of(uid: int) -> None:
    """Every process of the uid in one system call: faster than any of them can fork."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


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


def seat(arguments: dict[str, Any]) -> None:
    """With an ``archive`` a home is made of it; without one the seat is cleaned."""
    homes, home, uid = Path(arguments["homes"]), Path(arguments["home"]), arguments.get("uid")
    archive = Path(arguments["archive"]) if arguments.get("archive") else None
    check_home(homes, home)
    if archive is None:
        end_processes(arguments["username"], home, uid)
    replace_home(homes, home, archive, run=arguments["run"], uid=uid)


def main() -> int:
    arguments = json.loads(ARGUMENTS)
    os.umask(0o022)
    try:
        seat(arguments)
    except (UnsafeHome, StillRunning, OSError, tarfile.TarError) as error:
        print(json.dumps({"failed": True, "msg": f"cannot set up the seat {arguments['home']}: {error}"}))  # noqa: T201 - the module's answer
        return 1
    print(json.dumps({"changed": True}))  # noqa: T201 - the module's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())

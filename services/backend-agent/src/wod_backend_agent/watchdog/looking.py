"""What runs in the seats of this host."""

import os
import pwd
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from wod_backend_agent.delivery.base import Seat

_ACCOUNT = re.compile(r"student([1-9][0-9]{0,5})")
#: What runs under the name of the first file that it is given.
_INTERPRETER = re.compile(r"(python|bash|dash|sh|zsh|perl|ruby|node|php)[0-9.]*")
#: Of a process that hides its name.
NAMELESS = "?"


@dataclass(frozen=True)
class Running:
    """A process of a seat. Its number and its beginning together are never another one's."""

    student: int
    pid: int
    begun: float
    #: what it may be called by: its own name, its program's, its script's
    names: tuple[str, ...]
    #: seconds of a processor that it has had so far, with children that it has waited for
    cpu: float

    @property
    def identity(self) -> tuple[int, float]:
        return self.pid, self.begun

    @property
    def program(self) -> str:
        """For people; whoever wrote the program has chosen it."""
        return "".join(letter if " " <= letter <= "~" else "?" for letter in self.names[0])[:64]


@dataclass(frozen=True)
class Seats:
    """Which seat a process belongs to, where homes are on this host; elsewhere the same uid is somebody else's."""

    count: int
    seat: Callable[[int], Seat]
    #: student N is ``uid_base + N``
    uid_base: int | None = None
    #: seats are Linux accounts, whose uids the host may have chosen
    accounts: bool = False
    _known: dict[int, int | None] = field(default_factory=dict, repr=False, compare=False)

    def look(self) -> list[Running]:
        """Every process of every seat."""
        self._known.clear()
        return list(self._look())

    def _look(self) -> Iterator[Running]:
        for process in psutil.process_iter():
            # it may end while it is looked at
            with suppress(psutil.Error, OSError), process.oneshot():
                student = self._student_of(process)
                if student is not None and process.status() != psutil.STATUS_ZOMBIE:
                    yield Running(student, process.pid, process.create_time(), _names(process), _cpu(process))

    def _student_of(self, process: psutil.Process) -> int | None:
        uid = process.uids().real
        if self.uid_base is None and not self.accounts:
            return self._student_by_traces(process) if uid == os.getuid() else None
        if uid not in self._known:
            self._known[uid] = self._student_of_uid(uid)
        student = self._known[uid]
        return None if student is None or _is_elsewhere(process, self.seat(student), uid) else student

    def _student_by_traces(self, process: psutil.Process) -> int | None:
        """One account for all: what the hub has said to the server, and to whatever that has started."""
        told = process.environ()
        student = self._in_range(told.get("JUPYTERHUB_USER", ""))
        return student if student is not None and told.get("HOME") == str(self.seat(student).home) else None

    def _student_of_uid(self, uid: int) -> int | None:
        if uid in {0, os.getuid()}:
            return None
        student = self._in_range(f"student{uid - self.uid_base}" if self.uid_base is not None else _account(uid))
        return student if student is not None and _has_home(self.seat(student).home, uid) else None

    def _in_range(self, username: str) -> int | None:
        match = _ACCOUNT.fullmatch(username)
        student = int(match[1]) if match else 0
        return student if 1 <= student <= self.count else None


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _has_home(home: Path, uid: int) -> bool:
    try:
        return home.stat(follow_symlinks=False).st_uid == uid
    except OSError:
        return False


def _is_elsewhere(process: psutil.Process, seat: Seat, uid: int) -> bool:
    """Whether it is in a seat of another installation on this host, which has given it the same uid.

    By a home that the student cannot have made: its folder is not his, and not everybody's.
    """
    try:
        home = Path(process.environ().get("HOME", ""))
        above = home.parent.stat()
    except (psutil.Error, OSError):
        return False
    ours = seat.home.parent.resolve() / seat.home.name
    if home.parent.resolve() / home.name == ours or home.name != seat.username or not _has_home(home, uid):
        return False
    return above.st_uid != uid and not above.st_mode & 0o022


def _names(process: psutil.Process) -> tuple[str, ...]:
    called = [process.name()]
    with suppress(psutil.Error, OSError):
        called.append(process.exe().removesuffix(" (deleted)"))
    with suppress(psutil.Error, OSError):
        given = process.cmdline()
        called += given[: 2 if given and _INTERPRETER.fullmatch(Path(given[0]).name) else 1]
    found = dict.fromkeys(name for path in called if (name := Path(path).name))
    return tuple(found) or (NAMELESS,)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)

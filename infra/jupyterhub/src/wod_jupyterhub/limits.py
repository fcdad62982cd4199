"""How much of the machine a seat may take, and how much it takes.

The kernel bounds each process (see ``confinement``); what a seat takes in all is measured, and its server ended above it.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MIB = 1024 * 1024
#: Where anybody may write, beside the home.
SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - looked at, never written
#: Folders within folders; a walk holds as many open.
DEEPEST = 100
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Exceeded(Exception):
    """The message is for the student and for the operator."""


@dataclass(frozen=True)
class Limits:
    """0 measures nothing. ``memory`` and ``disk`` are MiB, ``files`` counts folders too."""

    memory: int = 0
    disk: int = 0
    files: int = 0

    def check(self, home: Path, uid: int | None) -> None:
        """Raises Exceeded. Without a uid the home alone is measured: nothing else tells seats apart."""
        if self.disk or self.files:
            self._check_disk(home, uid)
        if self.memory and uid and (used := _memory_of(uid, self.memory * MIB) // MIB) > self.memory:
            raise Exceeded(f"its processes take {used} MiB of memory, {self.memory} are allowed")

    def _check_disk(self, home: Path, uid: int | None) -> None:
        """Ends with the first file too many, so that it takes no longer than the limit allows."""
        taken = _Taken(self)
        taken.add_tree(home)
        if uid:
            for folder in SHARED:
                taken.add_owned(folder, uid)
            for process in _processes_of(uid):
                taken.add_unlinked(process)


@dataclass
class _Taken:
    limits: Limits
    blocks: int = 0
    files: int = 0
    _linked: set[tuple[int, int]] = field(default_factory=set)

    def add_tree(self, folder: Path) -> None:
        """The student may change it at any moment: nothing is followed, and what has gone meanwhile is passed over."""
        with suppress(OSError):
            self._walk(os.open(folder, _DIRECTORY), 0)

    def add_owned(self, folder: Path, uid: int) -> None:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if found.st_uid != uid:
                        continue
                    self._add(found)
                    if entry.is_dir(follow_symlinks=False):
                        self.add_tree(Path(entry.path))

    def add_unlinked(self, process: int) -> None:
        """Files that have no name any more and live as long as they are open."""
        with suppress(OSError):
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with suppress(OSError):
                    found = descriptor.stat()
                    if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                        self._add(found, shared=True)

    def _walk(self, folder: int, depth: int) -> None:
        try:
            if depth > DEEPEST:
                raise Exceeded(f"it has folders in folders more than {DEEPEST} deep")
            with os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(OSError):
                        self._add(entry.stat(follow_symlinks=False))
                        if entry.is_dir(follow_symlinks=False):
                            self._walk(os.open(entry.name, _DIRECTORY, dir_fd=folder), depth + 1)
        finally:
            os.close(folder)

    def _add(self, found: os.stat_result, *, shared: bool = False) -> None:
        if shared or (found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)):
            if (found.st_dev, found.st_ino) in self._linked:
                return
            self._linked.add((found.st_dev, found.st_ino))
        self.files += 1
        self.blocks += found.st_blocks
        if self.limits.files and self.files > self.limits.files:
            raise Exceeded(f"it has more than the {self.limits.files} files and folders that are allowed")
        if self.limits.disk and self.blocks * 512 > self.limits.disk * MIB:
            raise Exceeded(f"its files take more than the {self.limits.disk} MiB that are allowed")


def _memory_of(uid: int, limit: int) -> int:
    """Bytes. What processes share is counted once, which takes the kernel longer: only where it decides."""
    processes = list(_processes_of(uid))
    resident = sum(_resident(process) for process in processes)
    return resident if resident <= limit else sum(_proportional(process) for process in processes)


def _resident(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _proportional(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def _processes_of(uid: int) -> Iterator[int]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == uid:
                yield process.pid

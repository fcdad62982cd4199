"""The spool on the disk: one file a command, in the order of arrival, and those aside that the agent will never take."""

import fcntl
import os
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from wod_common.commands import Command

#: the newest are kept for the operator; each is below a kilobyte
REFUSED_FILES = 1000
_log = structlog.get_logger(__name__)


class StateInUse(RuntimeError):
    """Another gate has the folder: two would deliver each other's commands out of order."""


class Entry(BaseModel):
    """A command, who brought it and when; ``refused`` says why it was put aside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: Command
    peer: str
    received: datetime
    refused: str | None = None


@dataclass
class SpoolFiles:
    """Every call blocks until the disk has it. A name is the number of arrival and the command's id."""

    folder: Path
    _last: int = 0
    _lock: int | None = field(default=None, repr=False)

    @property
    def waiting(self) -> Path:
        return self.folder / "spool"

    @property
    def refused(self) -> Path:
        return self.folder / "refused"

    def open(self) -> dict[str, Entry]:
        """What a gate before this one has left, in order. Raises StateInUse, OSError."""
        for folder in (self.folder, self.waiting, self.refused):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        for unfinished in [*self.waiting.glob("*.new"), *self.refused.glob("*.new")]:
            unfinished.unlink()
        found = {path.stem: self._read(path) for path in sorted(self.waiting.glob("*.json"))}
        self._last = max((int(name.partition("-")[0]) for name in found), default=0)
        return {name: entry for name, entry in found.items() if entry is not None}

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def name(self, command: Command) -> str:
        """Later names sort after earlier ones, whatever the clock does."""
        self._last = max(time.time_ns(), self._last + 1)
        return f"{self._last:020d}-{command.id}"

    def write(self, name: str, entry: Entry) -> None:
        _write(self.waiting / f"{name}.json", entry)

    def remove(self, name: str) -> None:
        (self.waiting / f"{name}.json").unlink(missing_ok=True)

    def set_aside(self, name: str, entry: Entry, reason: str) -> None:
        _write(self.refused / f"{name}.json", entry.model_copy(update={"refused": reason}))
        self.remove(name)
        for oldest in sorted(self.refused.glob("*.json"))[:-REFUSED_FILES]:
            oldest.unlink(missing_ok=True)

    def count_refused(self) -> int:
        return sum(1 for _ in self.refused.glob("*.json"))

    def _take_lock(self) -> None:
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise StateInUse(f"another mail gate uses {self.folder}: give each its own WOD_MAILGATE_STATE") from error

    def _read(self, path: Path) -> Entry | None:
        """None for a file that this gate cannot have written; it stays, under a name that is not read again."""
        try:
            return Entry.model_validate_json(path.read_bytes())
        except ValidationError:
            kept = path.replace(path.with_suffix(".unreadable"))
            _log.error("spooled command cannot be read", kept_as=str(kept))
            return None


def _write(path: Path, entry: Entry) -> None:
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(entry.model_dump_json(exclude_none=True).encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Tells one state of everything that a delivery reads from every other."""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from wod_backend_agent.content import CHECKPOINTS, UnsafeContent, workshop_files, workshop_of
from wod_backend_agent.delivery.base import DeliveryFailed
from wod_backend_agent.trees import Trees

#: of a tree, what is not a workshop: variables and inventory, hooks and what they call
SHARED_FOLDERS = ("ansible", "scripts")
#: a file that has just been written may be written again within the same tick of its file system's clock
SETTLED_SECONDS = 2.0
_OF_WORKSHOP = re.compile(r"((?:WKSHP|CHLG)-[A-Za-z0-9][A-Za-z0-9._-]*)\.(?:sh|yml|yaml|json)$")
_OF_STUDENT = re.compile(r"^variables_student([0-9]+)\.yml$")

_Stamp = tuple[int, int, int, int]


class ContentVersions:
    """Files are read again when their size, times or inode have changed, so that asking costs milliseconds.

    More counts than is read: of the trees' variables and scripts all but those that are named for another workshop or
    seat, because a file may include another one. ``given`` is what the agent's settings contribute.
    """

    def __init__(self, trees: Trees, given: Mapping[str, str]) -> None:
        self._trees = trees
        self._given = dict(given)
        self._known: dict[Path, tuple[_Stamp, str]] = {}

    def of(self, workshop: str, student: int, first_seat: int | None) -> str:
        """Blocks: call it in a thread. ``workshop`` is as asked. Raises DeliveryFailed where it cannot be read."""
        digest = hashlib.sha256(_own_version().encode())
        digest.update(json.dumps([workshop, student, first_seat, self._given], sort_keys=True).encode())
        try:
            for name, path in self._files(workshop, student):
                digest.update(f"{name}\0{self._mark(path)}\n".encode("utf-8", "surrogateescape"))
        except (OSError, UnsafeContent) as error:
            raise DeliveryFailed(f"the content of {workshop} cannot be read: {error}") from None
        return digest.hexdigest()

    def _files(self, workshop: str, student: int) -> Iterator[tuple[str, Path]]:
        content = self._trees.workshop(workshop)
        if content is None:
            raise DeliveryFailed(f"there is no content for {workshop} any more")
        for folder in (content, *self._trees.skeletons):
            yield from ((f"{folder}/{name}", path) for name, path in workshop_files(folder))
        for tree in self._all_trees():
            for kind in SHARED_FOLDERS:
                yield from ((str(path), path) for path in _walk(tree / kind) if _concerns(path, workshop, student))

    def _all_trees(self) -> Sequence[Path]:
        private = self._trees.private
        return [*self._trees.public, *([private] if private else [])]

    def _mark(self, path: Path) -> str:
        found = path.stat()
        stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        known = self._known.get(path)
        if known and known[0] == stamp:
            return known[1]
        mark = f"{found.st_mode & 0o111:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        if time.time() - max(found.st_mtime, found.st_ctime) > SETTLED_SECONDS:
            self._known[path] = stamp, mark
        return mark


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != CHECKPOINTS)
        yield from (path for name in sorted(names) if (path := Path(parent, name)).is_file())


def _concerns(path: Path, workshop: str, student: int) -> bool:
    if named := _OF_WORKSHOP.search(path.name):
        return workshop_of(named[1]) == workshop_of(workshop)
    seat = _OF_STUDENT.match(path.name)
    return seat is None or int(seat[1]) == student


@lru_cache(maxsize=1)
def _own_version() -> str:
    """The agent's, and of the very files that it runs: a mended renderer renders anew."""
    digest = hashlib.sha256(version("wod-backend-agent").encode())
    for path in _walk(Path(__file__).parent):
        if path.suffix in {".py", ".yml", ".cfg"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()

"""Finds workshops in content folders, and the files of one."""

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

TEMPLATES = ("*.ipynb", "*.yaml", "*.py", "*.sh", "*.src", "*.tf", "*.env", "Variables.ps1")
CHECKPOINTS = ".ipynb_checkpoints"
_WORKSHOP = re.compile(r"(WKSHP|CHLG)-([A-Za-z0-9][A-Za-z0-9._-]{0,99})")


class UnsafeContent(Exception):
    """A link in the content leads out of the workshop."""


def mode(workshop: str) -> str:
    """``WKSHP`` or ``CHLG``, as the workshop was asked for."""
    return workshop.partition("-")[0]


def workshop_of(asked: str) -> str | None:
    """The folder's name behind what was asked: a challenge is the workshop under another name. None where it is neither."""
    matched = _WORKSHOP.fullmatch(asked)
    return f"WKSHP-{matched[2]}" if matched else None


def find_workshop(folders: Iterable[Path], asked: str) -> Path | None:
    """The first folder that has the workshop; a folder named ``CHLG-`` of its own wins over the workshop's."""
    workshop = workshop_of(asked)
    if workshop is None:
        return None
    candidates = [folder / name for name in dict.fromkeys((asked, workshop)) for folder in folders]
    return next((path for path in candidates if path.is_dir() and not path.is_symlink()), None)


def is_template(name: str) -> bool:
    return any(fnmatchcase(name.rpartition("/")[2], pattern) for pattern in TEMPLATES)


def is_notebook(name: str) -> bool:
    return name.endswith(".ipynb")


def workshop_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name below the folder and path of every regular file, in order; checkpoints left out."""
    inside = folder.resolve()
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != CHECKPOINTS)
        for name in (*sorted(names), *folders):
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                raise UnsafeContent(f"{path.relative_to(folder)} links out of the workshop: put a file in its place")
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path

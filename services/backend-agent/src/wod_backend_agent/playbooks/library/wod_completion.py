#!/usr/bin/python
"""Ansible module: how much of a workshop a student has run, out of the notebooks in the home.

The notebooks are the student's: any size, broken, links, devices. What is not a notebook of sane size counts for nothing.
One file that needs nothing but Python's own library, sent as it is.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Ansible writes the arguments here, as JSON; a raw string of this kind can hold any JSON.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""
LARGEST_NOTEBOOK = 20_000_000  # bytes; a notebook with pictures in its output has some
MOST_NOTEBOOKS = 200
MOST_ENTRIES = 20_000
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def completion(home: Path, workshop: str) -> int | None:
    """Per cent (0 to 100, rounded down) of the workshop's code cells that hold an execution count; None without any."""
    ran = [executed for text in _notebooks(home, workshop) for executed in _code_cells(text)]
    return 100 * sum(ran) // len(ran) if ran else None


def _code_cells(text: bytes) -> Iterator[bool]:
    """For each code cell, whether it has run."""
    try:
        notebook: Any = json.loads(text)
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    for cell in cells:
        yield isinstance(cell.get("execution_count"), int)


def _notebooks(home: Path, workshop: str) -> Iterator[bytes]:
    found = 0
    for directory, name in _entries(home, workshop):
        if name.endswith(".ipynb") and found < MOST_NOTEBOOKS:
            text = _read(directory, name)
            if text is not None:
                found += 1
                yield text


def _entries(home: Path, workshop: str) -> Iterator[tuple[int, str]]:
    """Each entry of the workshop's folder with the open directory that holds it; gives up on a folder grown huge."""
    try:
        top = os.open(home, _DIRECTORY)
    except OSError:
        return
    try:
        seen = 0
        for _path, folders, names, directory in os.fwalk(workshop, dir_fd=top, follow_symlinks=False):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                yield directory, name
            seen += len(names) + len(folders)
            if seen > MOST_ENTRIES:
                return
    except (RecursionError, OSError):
        return
    finally:
        os.close(top)


def _read(directory: int, name: str) -> bytes | None:
    try:
        handle = os.open(name, _FILE, dir_fd=directory)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_NOTEBOOK:
            return None
        try:
            return file.read(LARGEST_NOTEBOOK + 1)
        except OSError:
            return None


def main() -> None:
    arguments = json.loads(ARGUMENTS)
    result = completion(Path(arguments["home"]), arguments["workshop"])
    print(json.dumps({"changed": False, "completion": result}))  # noqa: T201 - the module's answer


if __name__ == "__main__":
    main()

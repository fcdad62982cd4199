#!/usr/bin/python
"""Ansible module: how much of a workshop a student has run, out of the notebooks in the home.

The notebooks are the student's: any size, broken, links, devices. What is not a notebook of sane size counts for nothing.
One file that needs nothing but Python's own library, sent as it is.
"""

import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

#: Ansible writes the arguments here, as JSON; a raw string of this kind can hold any JSON.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""
LARGEST_NOTEBOOK = 20_000_000  # bytes; a notebook with pictures in its output has some
MOST_NOTEBOOKS = 200
MOST_ENTRIES = 20_000
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def completion(home: Path, workshop: str, delivered: Collection[str] = frozenset()) -> int | None:
    """Per cent (0 to 100, rounded down) of the workshop's code cells that the student has run; None without any.

    Those are the cells that hold an execution count, but for results that were ``delivered``.
    """
    return share([ran for text in _notebooks(home, workshop) for ran in cells_run(text, delivered)])


def cells_run(text: bytes, delivered: Collection[str]) -> list[bool]:
    """Of each code cell whether the student has run it."""
    return [_executed(cell) and not (delivered and _fingerprint(cell) in delivered) for cell in _code_cells(text)]


def share(ran: Collection[bool]) -> int | None:
    return 100 * sum(ran) // len(ran) if ran else None


def results(text: bytes) -> set[str]:
    """What a notebook brings along already run: each such cell's fingerprint."""
    return {_fingerprint(cell) for cell in _code_cells(text) if _executed(cell)}


def _executed(cell: dict[str, Any]) -> bool:
    return isinstance(cell.get("execution_count"), int)


def _fingerprint(cell: dict[str, Any]) -> str:
    """The same before and after Jupyter has saved the notebook, another one when the cell has run once more.

    A second run may have the count and the output of the first; its times, which our homes have Jupyter note, tell them apart.
    """
    metadata = cell.get("metadata")
    times = metadata.get("execution") if isinstance(metadata, dict) else None
    seen = [cell.get("source"), cell["execution_count"], cell.get("outputs"), times]
    try:
        content = json.dumps(_joined(seen), sort_keys=True)
    except RecursionError:
        content = "nested too deeply"
    return hashlib.sha256(content.encode()).hexdigest()


def _joined(value: Any) -> Any:
    """A text may be one string or a list of its lines."""
    if isinstance(value, list):
        if value and all(isinstance(line, str) for line in value):
            return "".join(value)
        return [_joined(item) for item in value]
    return {name: _joined(item) for name, item in value.items()} if isinstance(value, dict) else value


def _code_cells(text: bytes) -> Iterator[dict[str, Any]]:
    try:
        notebook: Any = json.loads(text)
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    yield from cells


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
    result = completion(Path(arguments["home"]), arguments["workshop"], set(arguments["delivered"]))
    print(json.dumps({"changed": False, "completion": result}))  # noqa: T201 - the module's answer


if __name__ == "__main__":
    main()

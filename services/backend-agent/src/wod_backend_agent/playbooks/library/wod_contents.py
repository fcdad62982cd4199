#!/usr/bin/python
"""Ansible module: what is in a seat's home and how many processes it has. Nothing is changed and no link followed.

One file that needs nothing but Python's own library, sent as it is.
"""

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

#: Ansible writes the arguments here, as JSON; a raw string of this kind can hold any JSON.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BLOCK = 1024 * 1024


def contents(home: Path) -> dict[str, str]:
    """A mark for each entry below the home; none where there is no home."""
    try:
        folder = os.open(home, _DIRECTORY)
    except FileNotFoundError:
        return {}
    try:
        return dict(_marks(folder, ""))
    finally:
        os.close(folder)


def _marks(folder: int, above: str) -> Iterator[tuple[str, str]]:
    for name in sorted(os.listdir(folder)):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        path = f"{above}{name}"
        if stat.S_ISDIR(found.st_mode):
            yield f"{path}/", _mark(found, "")
            inner = os.open(name, _DIRECTORY, dir_fd=folder)
            try:
                yield from _marks(inner, f"{path}/")
            finally:
                os.close(inner)
        elif stat.S_ISREG(found.st_mode):
            yield path, _mark(found, _digest(folder, name))
        else:
            target = os.readlink(name, dir_fd=folder) if stat.S_ISLNK(found.st_mode) else ""
            yield path, _mark(found, target)


def _mark(found: os.stat_result, content: str) -> str:
    return f"{found.st_mode:o} {found.st_uid} {content}"


def _digest(folder: int, name: str) -> str:
    digest = hashlib.sha256()
    with os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def processes(username: str, home: Path, uid: int | None) -> int:
    """By uid where the seat has one of its own; else by whom they run for or where they work."""
    own = uid if uid not in (None, 0, os.getuid()) else None
    return sum(_belongs(folder, username, home, own) for folder in Path("/proc").iterdir() if folder.name.isdigit())


def _belongs(folder: Path, username: str, home: Path, uid: int | None) -> bool:
    with suppress(OSError):
        status = (folder / "status").read_text(errors="replace").splitlines()
        if next(line for line in status if line.startswith("State:")).split()[1] in "ZX":
            return False
        if uid is not None:
            return str(uid) in next(line for line in status if line.startswith("Uid:")).split()[1:]
        working = Path(str((folder / "cwd").readlink()).removesuffix(" (deleted)"))
        trace = f"JUPYTERHUB_USER={username}".encode()
        return working.is_relative_to(home) or trace in (folder / "environ").read_bytes().split(b"\0")
    return False


def main() -> int:
    arguments: dict[str, Any] = json.loads(ARGUMENTS)
    home, uid = Path(arguments["home"]), arguments.get("uid")
    try:
        # names that are no UTF-8 are carried in JSON's escapes
        answer = {"files": contents(home), "processes": processes(arguments["username"], home, uid)}
    except OSError as error:
        print(json.dumps({"failed": True, "msg": f"cannot look into {home}: {error}"}))  # noqa: T201 - the module's answer
        return 1
    print(json.dumps(answer))  # noqa: T201 - the module's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Makes and empties a student's home on the machine where it lives.

Runs there inside an Ansible module, so it needs nothing but Python's own library. The student owns what is in the home and
may change it at any moment: nothing is ever followed, and every directory is held open while it is worked in.
"""

import os
import pwd
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class UnsafeHome(Exception):
    """The home is not a plain name directly in the folder of homes."""


def replace_home(homes: Path, home: Path, archive: Path | None, *, run: str, uid: int | None) -> None:
    """A new home of mode 0700 in the old one's place, filled from the archive, complete before it can be seen.

    A crash leaves the old home, the new one, or for an instant none; the next call removes what is left over.
    """
    check_home(homes, home)
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


def remove_tree(folder: int, name: str) -> None:
    """Removes the entry ``name`` of an open directory, whatever it is.

    Each sub-directory is moved up and emptied in turn, so neither depth nor file descriptors run out.
    """
    numbers = count()
    pending = [name]
    while pending:
        entry = pending.pop()
        if not _is_directory(folder, entry):
            os.unlink(entry, dir_fd=folder)
            continue
        with _opened_for_removal(folder, entry) as directory:
            for child in os.listdir(directory):  # noqa: PTH208 - a Path has no open directories
                if _is_directory(directory, child):
                    moved = f"{name}.{next(numbers)}"
                    _make_movable(directory, child)
                    os.rename(child, moved, src_dir_fd=directory, dst_dir_fd=folder)
                    pending.append(moved)
                else:
                    os.unlink(child, dir_fd=directory)
        os.rmdir(entry, dir_fd=folder)


def _remove_leftovers(folder: int, name: str) -> None:
    for entry in os.listdir(folder):
        if entry.startswith(f".{name}."):
            remove_tree(folder, entry)


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

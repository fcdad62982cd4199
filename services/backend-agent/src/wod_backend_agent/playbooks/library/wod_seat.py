#!/usr/bin/python
"""Ansible module: makes a seat's home out of an archive, or ends its processes and empties it.

With ``account`` the seat is a Linux account: made where it is missing, closed first of all, opened with a complete home.
One file that needs nothing but Python's own library, sent as it is: putting together a module that imports Ansible's code
costs a quarter of a second, and so does running it.

The student owns what is in the home and may change it at any moment: nothing is ever followed, and every directory is held
open while it is worked in.
"""

import fcntl
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

#: Ansible writes the arguments here, as JSON; a raw string of this kind can hold any JSON.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""
#: Time to obey a SIGTERM before SIGKILL, and time after which a process that still lives is an error, in seconds.
GRACE = 0.5
LIMIT = 10.0
_PAUSE = 0.02
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: The account tools give up when many of them meet: ours wait for each other here.
ACCOUNTS_LOCK = Path("/run/wod-accounts.lock")
_TOOLS = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
#: Where an account may leave what outlives its processes, as far as they are there: under its name, or its own.
SPOOLS = tuple(f"/var/spool/{name}" for name in ("cron/crontabs", "cron", "cron/atjobs", "at", "mail"))
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")  # noqa: S108 - looked through, never written to
#: Folders of others in there, as deep as this, which the account may write into.
_DEEPEST = 5
#: The last hand on a home that nobody can see yet.
Finish = Callable[[Path], None] | None


class UnsafeHome(Exception):
    """The home is not a plain name directly in the folder of homes."""


def replace_home(
    homes: Path, home: Path, archive: Path | None, *, run: str, uid: int | None, finish: Finish = None
) -> None:
    """A new home of mode 0700 in the old one's place, filled from the archive, complete before it can be seen.

    A crash leaves the old home, the new one, or for an instant none; the next call removes what is left over.
    """
    check_home(homes, home)
    homes.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _opened(homes) as folder:
        _remove_leftovers(folder, home.name)
        fresh, old = f".{home.name}.{run}", f".{home.name}.{run}.old"
        os.mkdir(fresh, 0o700, dir_fd=folder)
        _fill(homes / fresh, archive, uid, finish)
        with suppress(FileNotFoundError):
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
        _make_movable(folder, entry)
        with _opened(entry, folder) as directory:
            for child in _children(directory):
                if not _is_directory(directory, child):
                    os.unlink(child, dir_fd=directory)
                    continue
                with suppress(OSError):
                    os.rmdir(child, dir_fd=directory)
                    continue
                pending.append(next(numbers))
                _make_movable(directory, child)
                os.rename(child, pending[-1], src_dir_fd=directory, dst_dir_fd=folder)
        os.rmdir(entry, dir_fd=folder)


def _children(directory: int) -> Iterator[str]:
    """Until none is left, some at a time: the list of a million would take more memory than the rest of the module."""
    children = ["?"]
    while children:
        with os.scandir(directory) as entries:
            children = [entry.name for entry in islice(entries, 10_000)]
        yield from children


def _remove_leftovers(folder: int, name: str) -> None:
    spare = f".{name}."
    for entry in os.listdir(folder):
        if entry.startswith(spare):
            remove_tree(folder, entry, spare)


def _fill(home: Path, archive: Path | None, uid: int | None, finish: Finish) -> None:
    if archive is not None:
        with tarfile.open(archive) as content:
            for member in content:
                _unpack(content, member, home)
    if finish:
        finish(home)
    if uid is not None:
        group = _group(uid)
        for path in (*home.rglob("*"), home):
            os.chown(path, uid, group, follow_symlinks=False)


def _unpack(content: tarfile.TarFile, member: tarfile.TarInfo, home: Path) -> None:
    path = home / member.name
    if ".." in Path(member.name).parts or not path.is_relative_to(home):
        raise UnsafeHome(f"the archive holds {member.name!r}: nothing is delivered")
    if member.isdir():
        path.mkdir(member.mode)
        return
    source = content.extractfile(member)
    if source is None:
        raise UnsafeHome(f"the archive holds {member.name!r}, which is no file: nothing is delivered")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, member.mode)
    with os.fdopen(handle, "wb") as target:
        target.write(source.read())


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid


@contextmanager
def _opened(name: str | Path, folder: int | None = None) -> Iterator[int]:
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
    found = []  # zombies have ended
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


class NoAccount(Exception):
    """The account cannot be had, opened or closed; the message says why."""


def account_of(username: str, home: Path, uid: int | None) -> pwd.struct_passwd:
    """Made with a group of its own where it is missing. Raises NoAccount for one that is somebody else's."""
    try:
        known = pwd.getpwnam(username)
    except KeyError:
        chosen = ["--uid", str(uid)] if uid is not None else []
        places = ["--home-dir", str(home), "--no-create-home", "--shell", "/bin/bash"]
        _account_tool(["useradd", "--user-group", *places, *chosen, username])
        known = pwd.getpwnam(username)
    if known.pw_uid < 1000 or known.pw_uid != (uid or known.pw_uid) or Path(known.pw_dir).resolve() != home:
        raise NoAccount(
            f"the account {username} has uid {known.pw_uid} and home {known.pw_dir}: no seat's of this location; "
            f"nothing is touched. Its home has to be {home}" + (f" and its uid {uid}" if uid else "")
        )
    return known


def close_account(username: str) -> None:
    """Its password is nobody's, and it has expired: no ssh key, no cron and no lingering session gets in either."""
    _account_tool(["usermod", "--password", "!", "--expiredate", "1", username])
    Path("/var/lib/systemd/linger", username).unlink(missing_ok=True)


def open_account(username: str, password_hash: str) -> None:
    _account_tool(["chpasswd", "--encrypted"], f"{username}:{password_hash}\n")
    _account_tool(["usermod", "--expiredate", "", username])


def _account_tool(command: list[str], given: str = "") -> None:
    with ACCOUNTS_LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _tool(command, given)


def _tool(command: list[str], given: str = "") -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=_TOOLS, check=False)
    if done.returncode:
        raise NoAccount(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")


def finish_home(home: Path, account: str, automation: str | None, workshop: str) -> None:
    """A new ssh key, and access for the account of the automation: to see the home, and to write into the workshop.

    Not to write into the home itself: sshd refuses keys below a folder that others may write into.
    """
    (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    key, authorized = home / ".ssh/id_ed25519", home / ".ssh/authorized_keys"
    _tool(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", account, "-f", str(key)])
    with authorized.open("ab") as known:
        known.write(key.with_suffix(".pub").read_bytes())
    authorized.chmod(0o600)
    if automation and shutil.which("setfacl", path=_TOOLS["PATH"]):
        write = f"u:{automation}:rwX"
        _tool(["setfacl", "-m", f"u:{automation}:rX", str(home)])
        _tool(["setfacl", "-R", "-P", "-m", f"{write},d:{write}", str(home / workshop)])


def remove_leftovers(username: str, uid: int) -> None:
    """What the account has left outside its home. Never follows a link."""
    for spool in SPOOLS:
        _remove_owned(spool, None, uid, 0, username)
    for shared in SHARED:
        _remove_owned(shared, None, uid, _DEEPEST)


def _remove_owned(name: str, above: int | None, uid: int, deeper: int, named: str | None = None) -> None:
    # a folder that is not on this host, or is taken away meanwhile
    with suppress(FileNotFoundError, NotADirectoryError), _opened(name, above) as folder:
        for entry in os.listdir(folder):  # noqa: PTH208 - a Path has no open directories
            with suppress(FileNotFoundError):
                found = os.stat(entry, dir_fd=folder, follow_symlinks=False)
                if uid == found.st_uid or entry == named:
                    remove_tree(folder, entry, ".wod-")
                elif deeper and stat.S_ISDIR(found.st_mode) and found.st_mode & 0o022:
                    _remove_owned(entry, folder, uid, deeper - 1)


def seat(arguments: dict[str, Any]) -> None:
    """With an ``archive`` a home is made of it; without one the seat is cleaned, or with ``lock`` only closed."""
    homes, home, uid = Path(arguments["homes"]), Path(arguments["home"]), arguments["uid"]
    archive = Path(arguments["archive"]) if arguments.get("archive") else None
    check_home(homes, home)
    if arguments.get("account"):
        _seat_account(homes, home, archive, arguments)
        return
    if archive is None:
        end_processes(arguments["username"], home, uid)
        if uid not in {None, os.getuid()}:
            remove_leftovers(arguments["username"], uid)
    replace_home(homes, home, archive, run=arguments["run"], uid=uid)


def _seat_account(homes: Path, home: Path, archive: Path | None, arguments: dict[str, Any]) -> None:
    username, account, workshop = arguments["username"], arguments["account"], arguments.get("workshop", "")
    uid = account_of(username, home, arguments["uid"]).pw_uid
    close_account(username)
    end_processes(username, home, uid)
    if arguments.get("lock"):
        return
    remove_leftovers(username, uid)
    # cron may have begun something before its table was gone
    end_processes(username, home, uid)
    finish = partial(finish_home, account=username, automation=account["automation"], workshop=workshop)
    replace_home(homes, home, archive, run=arguments["run"], uid=uid, finish=finish if archive else None)
    if archive is not None:
        open_account(username, account["password_hash"])


def main() -> int:
    arguments = json.loads(ARGUMENTS)
    os.umask(0o022)
    try:
        seat(arguments)
    except (UnsafeHome, StillRunning, NoAccount, OSError, tarfile.TarError) as error:
        print(json.dumps({"failed": True, "msg": f"cannot set up the seat {arguments['home']}: {error}"}))  # noqa: T201 - the module's answer
        return 1
    print(json.dumps({"changed": True}))  # noqa: T201 - the module's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())

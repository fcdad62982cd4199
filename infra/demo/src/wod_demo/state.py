"""The demo's folder: what lies in it, who may pass through, one demo at a time, and how it is forgotten."""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from wod_common.tokens import CommandSigner, generate_private_pem

MARKER = ".wod-demo"
#: All that the demo ever makes in its folder; cleaning removes these and nothing else.
CONTENTS = (
    "admin.json", "agent", "homes", "hub", "keys", "log", "mail", "postgres", "ready.json", "secrets.json",
    "seed.json", "work", "lock",
)  # fmt: skip


class FolderRefused(RuntimeError):
    """The folder cannot be used or cleaned; the message says why and what to do."""


def _token() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Secrets:
    """Made once; every service gets only its own."""

    database: str = field(default_factory=_token, repr=False)
    api: str = field(default_factory=_token, repr=False)
    portal: str = field(default_factory=_token, repr=False)
    agent: str = field(default_factory=_token, repr=False)
    #: gate to agent
    agent_token: str = field(default_factory=_token, repr=False)
    #: agent to api-db
    agent_password: str = field(default_factory=_token, repr=False)
    #: agent to hub
    hub_token: str = field(default_factory=_token, repr=False)
    #: hub to agent
    hub_login_token: str = field(default_factory=_token, repr=False)
    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)


def write_private(path: Path, text: str) -> None:
    """All or nothing, mode 0600 from the first byte."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).replace(path)


def write_private_json(path: Path, document: object) -> None:
    write_private(path, json.dumps(document, indent=2) + "\n")


@dataclass(frozen=True)
class State:
    """Paths below the demo's folder."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def homes(self) -> Path:
        return self.root / "homes"

    @property
    def mail(self) -> Path:
        return self.root / "mail"

    @property
    def command_key(self) -> Path:
        return self.root / "keys" / "command-key.pem"

    @property
    def command_keys(self) -> Path:
        """The public halves, for gates."""
        return self.root / "keys" / "command-keys.json"

    @property
    def admin(self) -> Path:
        return self.root / "admin.json"

    @property
    def ready(self) -> Path:
        return self.root / "ready.json"

    @property
    def workplaces(self) -> tuple[Path, ...]:
        """Working folders of the services, their runs and the students."""
        return self.root / "work", self.root / "agent", self.homes

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder and keeps every other demo out of it. Raises FolderRefused."""
        self._make()
        with (self.root / "lock").open("a") as lock:
            self._lock(lock.fileno())
            yield

    def secrets(self) -> Secrets:
        path = self.root / "secrets.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        names = {entry.name for entry in fields(Secrets)}
        found = Secrets(**{name: value for name, value in known.items() if name in names})
        if asdict(found) != known:
            write_private_json(path, asdict(found))
        return found

    def command_keys_made(self) -> None:
        """The api-db's private key, and from it the file that gates read."""
        if not self.command_key.exists():
            write_private(self.command_key, generate_private_pem())
        keys = CommandSigner.from_pem(self.command_key.read_text()).jwks()
        write_private_json(self.command_keys, keys)

    def clean(self) -> None:
        """Removes what the demo made. Raises FolderRefused where it did not, or still runs."""
        self._refuse_suspicious()
        if not (self.root / MARKER).is_file() or self.root.is_symlink():
            raise FolderRefused(f"{self.root} is no demo's folder (it holds no {MARKER}); nothing was removed")
        with (self.root / "lock").open("a") as lock:
            self._lock(lock.fileno())
            for name in CONTENTS:
                _remove(self.root / name)
            (self.root / MARKER).unlink()
        if not any(self.root.iterdir()):
            self.root.rmdir()

    def _refuse_suspicious(self) -> None:
        if self.root in {Path("/"), Path.home(), Path.cwd()} or (self.root / ".git").exists():
            raise FolderRefused(f"WOD_DEMO_DIR is {self.root}; choose a folder of its own for the demo's state")

    def _make(self) -> None:
        self._refuse_suspicious()
        if self.root.is_dir() and any(self.root.iterdir()) and not (self.root / MARKER).exists():
            raise FolderRefused(
                f"{self.root} holds files that are not the demo's; name an empty or new folder in WOD_DEMO_DIR"
            )
        self.root.mkdir(parents=True, exist_ok=True)
        # students and PostgreSQL have uids of their own: they pass through, and list nothing
        self.root.chmod(0o711)
        (self.root / MARKER).touch()
        passable = {"homes": 0o711, "postgres": 0o711}
        for name in ("log", "mail", "keys", "agent", "hub", "work", *passable):
            (self.root / name).mkdir(exist_ok=True)
            (self.root / name).chmod(passable.get(name, 0o700))

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderRefused(
                f"a demo is running in {self.root}; stop it (Ctrl-C), or name another folder in WOD_DEMO_DIR"
            ) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

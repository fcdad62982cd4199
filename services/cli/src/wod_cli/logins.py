"""Where the tokens of logins are kept: one file that only its owner can read."""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from wod_cli.failures import Failure, NotLoggedIn


@dataclass(frozen=True)
class Login:
    """A token is only ever sent to the address that gave it."""

    url: str
    username: str
    role: str
    token: str
    #: ISO 8601
    expires_at: str

    @property
    def is_over(self) -> bool:
        return datetime.fromisoformat(self.expires_at) <= datetime.now(UTC)


def folder() -> Path:
    """``$XDG_CONFIG_HOME/wod``; as the standard says, a relative path there counts as none."""
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".config") / "wod"


def _file() -> Path:
    return folder() / "login.json"


def keep(login: Login) -> Path:
    """Takes the place of the login before. It is whole or not there, and never readable for others."""
    path = _file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(login), file)
    fresh.replace(path)
    return path


def current() -> Login | None:
    """Raises Failure where the file can be read by others, or is none of ours."""
    text = read_private(_file())
    if text is None:
        return None
    try:
        return Login(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise NotLoggedIn(f"{_file()} cannot be understood; log in again with wod login") from error


def current_or_none() -> Login | None:
    """For whoever is about to log in: what cannot be used does not matter."""
    try:
        return current()
    except Failure:
        return None


def nobody() -> NotLoggedIn:
    return NotLoggedIn("nobody is logged in; wod login --url https://... --account NAME")


def forget() -> bool:
    """False where nobody was logged in."""
    try:
        _file().unlink()
    except FileNotFoundError:
        return False
    return True


def read_private(path: Path) -> str | None:
    """What a file with a secret holds; None where there is none. Raises Failure where others can read it."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}") from error
    if mode & 0o077:
        raise Failure(f"{path} holds a secret and has the mode {mode:04o}; others can read it: chmod 600 {path}")
    return text


def secret_of(environment: Mapping[str, str], name: str, path: Path) -> str | None:
    """From the environment or else from the file."""
    return environment.get(name) or (read_private(path) or "").strip() or None

"""``python -m wod_common.keys new FOLDER`` makes an installation's secrets, ``rotate FOLDER`` takes the next of three steps.

The folder holds ``wod.env`` (or several ``*.env`` files, one a service), ``command-key.pem`` for the api-db and
``command-keys.json`` for the gates. A rotation never has a moment in which one side is refused: first those who check
take two, then those who present take the new one, and at last the old one is good for nothing.
"""

import argparse
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from wod_common.tokens import CommandSigner, generate_private_pem

#: What a service checks, or seals with, and the names under which others present the same.
CHECKED = {
    "WOD_API_SECRET": (),
    "WOD_PORTAL_SECRET": (),
    "WOD_AGENT_SECRET": (),
    "WOD_AGENT_TOKEN": ("WOD_MAILGATE_AGENT_TOKEN",),
    "WOD_AGENT_HUB_LOGIN_TOKEN": ("WOD_HUB_AGENT_TOKEN",),
    "WOD_HUB_SERVICE_TOKEN": ("WOD_AGENT_HUB_TOKEN",),
}
#: Made with the others and changed where they are kept: in the database, by an administrator.
ONCE = ("WOD_DATABASE_PASSWORD", "WOD_AGENT_API_PASSWORD", "WOD_ADMIN_PASSWORD")
#: A variable of this name holds the second secret that its service takes.
OTHER = "_OTHER"

Variables = dict[str, str]


class CannotRotate(Exception):
    """The message says what is in the way and what to do."""


class Step(StrEnum):
    """What has been done last; the name of the file that says so is ``rotation``."""

    NONE = "none"
    BEGUN = "begun"
    SWITCHED = "switched"


def token() -> str:
    return secrets.token_urlsafe(32)


def write_private(path: Path, text: str) -> None:
    """All or nothing, mode 0600 from the first byte; a file that was there keeps its owner."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as new:
        new.write(text)
    if path.exists():
        os.chown(new.name, path.stat().st_uid, path.stat().st_gid)
    Path(new.name).replace(path)


class Folder:
    """An installation's secrets on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = path / "command-key.pem"
        self.next_key = path / "command-key.next.pem"
        self.public = path / "command-keys.json"
        self._step = path / "rotation"

    @property
    def step(self) -> Step:
        return Step(self._step.read_text().strip()) if self._step.exists() else Step.NONE

    def took(self, step: Step) -> None:
        if step is Step.NONE:
            self._step.unlink()
        else:
            write_private(self._step, f"{step}\n")

    def change(self, change: Callable[[Variables], None]) -> None:
        """In all files as one set: what one file checks another one presents."""
        files = {path: path.read_text().splitlines() for path in sorted(self.path.glob("*.env"))}
        if not files:
            raise CannotRotate(f"{self.path} holds no .env file; name the folder that the services' settings come from")
        before = _together(files)
        after = dict(before)
        change(after)
        for path, lines in files.items():
            write_private(path, _rewritten(lines, after))

    def publish(self, *pems: Path) -> None:
        keys = [key for pem in pems for key in CommandSigner.from_pem(pem.read_text()).jwks()["keys"]]
        write_private(self.public, json.dumps({"keys": keys}, indent=2) + "\n")


def _together(files: dict[Path, list[str]]) -> Variables:
    found: Variables = {}
    for path, lines in files.items():
        for line in lines:
            name, separator, value = line.partition("=")
            if not separator or name.startswith("#"):
                continue
            if name in CHECKED and found.get(name, value) != value:
                raise CannotRotate(f"{name} has two values in the folder, one of them in {path.name}; make them one")
            found[name] = value
    return found


def _rewritten(lines: list[str], values: Variables) -> str:
    """Each variable where it was; the second secret goes below the first one."""
    result: list[str] = []
    for line in lines:
        name = line.partition("=")[0]
        if name.endswith(OTHER) and name.removesuffix(OTHER) in CHECKED:
            continue
        result.append(f"{name}={values[name]}" if name in values else line)
        if name in CHECKED and values.get(name + OTHER):
            result.append(f"{name}{OTHER}={values[name + OTHER]}")
    return "\n".join(result) + "\n"


def new(folder: Folder) -> str:
    """Raises CannotRotate where there are secrets already."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.key.exists() or any(folder.path.glob("*.env")):
        raise CannotRotate(f"{folder.path} holds secrets already; rotate them, or name an empty folder")
    write_private(folder.path / "wod.env", "".join(f"{name}={token()}\n" for name in (*CHECKED, *ONCE)))
    write_private(folder.key, generate_private_pem())
    folder.publish(folder.key)
    return f"{folder.path} holds the secrets of a new installation."


def rotate(folder: Folder) -> str:
    """The next step; what it returns says what to do before the one after it. Raises CannotRotate."""
    if not folder.key.exists():
        raise CannotRotate(f"{folder.key} is missing; name the folder that python -m wod_common.keys new has made")
    return {Step.NONE: _begin, Step.BEGUN: _switch, Step.SWITCHED: _retire}[folder.step](folder)


def _begin(folder: Folder) -> str:
    def beside(values: Variables) -> None:
        for name in CHECKED.keys() & values.keys():
            values[name + OTHER] = token()

    write_private(folder.next_key, generate_private_pem())
    folder.publish(folder.key, folder.next_key)
    folder.change(beside)
    folder.took(Step.BEGUN)
    return (
        "1 of 3: a new secret is taken beside each old one, and nobody presents it yet.\n"
        "Hand the folder out, restart every service, then run this again."
    )


def _switch(folder: Folder) -> str:
    def exchange(values: Variables) -> None:
        for name, presented_as in CHECKED.items():
            if not values.get(name + OTHER):
                continue
            values[name], values[name + OTHER] = values[name + OTHER], values[name]
            values |= dict.fromkeys(values.keys() & set(presented_as), values[name])

    # first: ended in between, the old secrets stay the only ones, and the third step makes that consistent
    folder.took(Step.SWITCHED)
    folder.change(exchange)
    folder.next_key.replace(folder.key)
    return (
        "2 of 3: the new secrets are presented, the old ones still taken.\n"
        "Hand the folder out, restart every service, and run python -m wod_api_db.manage reseal. Personal links in\n"
        "mails that were sent before end with the third step: run this again when those sessions are over."
    )


def _retire(folder: Folder) -> str:
    folder.next_key.unlink(missing_ok=True)
    folder.publish(folder.key)
    folder.change(_forget)
    folder.took(Step.NONE)
    return "3 of 3: the old secrets are good for nothing once every service has been restarted."


def _forget(values: Variables) -> None:
    for name in CHECKED:
        values.pop(name + OTHER, None)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m wod_common.keys", description=__doc__)
    parser.add_argument("action", choices=("new", "rotate"))
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    try:
        said = {"new": new, "rotate": rotate}[given.action](Folder(given.folder))
    except CannotRotate as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

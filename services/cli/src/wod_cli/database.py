"""``wod db``: the database, on the host of the api-db and with its settings (``WOD_API_*``)."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from wod_cli.calls import Call, command, group
from wod_cli.failures import Failure

app = group("db", "The database, on the api-db's host and with its settings.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


@command(app, "upgrade")
def upgrade(call: Call) -> None:
    """Brings the schema up to the installed release. Repeatable."""
    _manage(call, "migrate")


@command(app, "backup")
def backup(call: Call, file: FileArgument) -> None:
    """All rows as of one moment, into a new file that only its owner can read."""
    _manage(call, "backup", file)


@command(app, "restore")
def restore(call: Call, file: FileArgument) -> None:
    """A backup of this release's schema, into a new database."""
    _manage(call, "restore", file)


def _manage(call: Call, action: str, *files: Path) -> None:
    """The address of the database, with its password, stays in the environment."""
    if find_spec("wod_api_db") is None:
        raise Failure(
            "the api-db is not installed beside this command; run it on the api-db's host, in its environment"
        )
    words = [sys.executable, "-m", "wod_api_db.manage", action, *map(str, files)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Failure(ran.stderr.strip().rpartition("\n")[2] or f"{action} has failed with {ran.returncode}")
    done = " ".join([action, *map(str, files)])
    call.out.done(f"{done}: done", {"action": action, "file": str(files[0]) if files else None})

"""The command ``wod``, put together."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from wod_cli import (
    appliances,
    classes,
    commands,
    database,
    doctor,
    exporting,
    locations,
    login,
    mails,
    notices,
    pauses,
    rebranding,
    registrations,
    seats,
    workshops,
)
from wod_cli.failures import Misused
from wod_cli.output import Output

app = typer.Typer(
    name="wod",
    help="Workshops-on-Demand from a terminal.",
    no_args_is_help=True,
    # a traceback with the values of variables would show tokens
    pretty_exceptions_show_locals=False,
)
login.add_to(app)
doctor.add_to(app)
exporting.add_to(app)
rebranding.add_to(app)
for part in (
    commands, seats, registrations, classes, workshops, locations, pauses, notices, mails, appliances, database,
):  # fmt: skip
    app.add_typer(part.app)

#: The base of all errors about the command line; Typer has no public name for it.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wod {version('wod-cli')}")
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Workshops-on-Demand from a terminal. Exit codes: 0 done, 1 refused or failed, 2 usage, 3 not reachable, 4 not logged in."""


def main() -> None:
    if "--json" not in sys.argv[1:]:
        app(prog_name="wod")
        return
    try:
        status = app(prog_name="wod", standalone_mode=False)
    except UsageError as error:
        failure = Misused(getattr(error, "format_message", error.__str__)())
        Output(as_json=True).failure(failure)
        status = failure.code
    sys.exit(status)

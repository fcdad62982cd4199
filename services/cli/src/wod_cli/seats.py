"""``wod seats``: the numbered accounts of the locations."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wod_cli.calls import Call, command, group
from wod_cli.failures import Failure, Misused
from wod_cli.options import LimitOption, LocationArgument, LocationOption, SeatArgument, StateOption

app = group("seats", "The numbered accounts of the locations.")

CountArgument = Annotated[int, typer.Argument(metavar="COUNT", min=1, help="How many more.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="YAML: seats by location and workshop.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the difference and change nothing.")]
COLUMNS = ("id", "location_id", "username", "state", "generation", "sequence")


@command(app, "list")
def list_seats(
    call: Call, state: StateOption = None, location: LocationOption = None, limit: LimitOption = 100
) -> None:
    """Seats, the highest id first."""
    with call.api() as api:
        call.out.rows(api.items("students", limit, state=state, location=location), COLUMNS)


@command(app, "show")
def show(call: Call, seat: SeatArgument) -> None:
    """One seat."""
    with call.api() as api:
        call.out.thing(api.get(f"students/{seat}"))


@command(app, "add")
def add(call: Call, location: LocationArgument, count: CountArgument) -> None:
    """Gives a location more seats, behind its last one. Their accounts must be there before somebody gets one."""
    path = f"locations/{location}"
    with call.api() as api:
        call.out.thing(api.patch(path, {"seats": api.get(path)["seats"]["total"] + count}))


@command(app, "clean")
def clean(call: Call, seat: SeatArgument) -> None:
    """Cleans a broken seat once more, after its cause was mended."""
    with call.api() as api:
        call.out.thing(api.post(f"students/{seat}/clean"))


@command(app, "verify")
def verify(call: Call, seat: SeatArgument) -> None:
    """Has the agent look whether the seat is as it must be."""
    with call.api() as api:
        call.out.thing(api.post(f"students/{seat}/verify"))


@command(app, "wishes")
def wishes(call: Call, file: FileArgument, dry_run: DryRunOption = False) -> None:
    """Books ranges of seats as the file wishes for them. Exit code 1 when one does not fit."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Misused(f"{file} cannot be read: {error.strerror}") from error
    with call.api() as api:
        report: dict[str, Any] = api.send("seat-wishes", content, "application/yaml", dry_run=dry_run)
    call.out.thing(report)
    if report["refused"]:
        raise Failure(f"{len(report['refused'])} wishes do not fit, and keep the seats they have", type_="refused")

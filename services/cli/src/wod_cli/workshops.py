"""``wod workshops``: the catalogue."""

from typing import Annotated

import typer

from wod_cli.calls import Call, command, group
from wod_cli.failures import Failure
from wod_cli.options import WorkshopArgument

app = group("workshops", "The catalogue, and whether a workshop takes people.")

COLUMNS = ("notebook", "name", "active", "room", "seats", "duration_seconds", "paused")

READY = ("workshop", "location", "ready_minimum", "ready_maximum", "ready_target", "ready_seats", "room")

AtOption = Annotated[int, typer.Option("--location", min=1, help="The location's id.")]
MinimumOption = Annotated[int | None, typer.Option("--minimum", min=0, help="So many, whatever the demand.")]
MaximumOption = Annotated[int | None, typer.Option("--maximum", min=0, help="With the demand; 0: the minimum alone.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the difference and change nothing.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Retire workshops even where a content folder is missing or empty.")
]
TextOption = Annotated[str, typer.Option("--text", help="What visitors are told meanwhile.")]


@command(app, "list")
def list_workshops(call: Call) -> None:
    """The catalogue, by priority and name."""
    with call.api() as api:
        call.out.rows(api.get("workshops")["items"], COLUMNS)


@command(app, "show")
def show(call: Call, workshop: WorkshopArgument) -> None:
    """One workshop, and where it is given."""
    with call.api() as api:
        placements = api.get(f"workshops/{workshop}/placements")["items"]
        call.out.thing(api.get(f"workshops/{workshop}") | {"placements": placements})


@command(app, "ready")
def ready(
    call: Call,
    workshop: WorkshopArgument,
    location: AtOption,
    minimum: MinimumOption = None,
    maximum: MaximumOption = None,
) -> None:
    """How many seats are kept deployed ahead at a location; without a number, how many there are."""
    bounds = {"ready_minimum": minimum, "ready_maximum": maximum}
    wanted = {name: seats for name, seats in bounds.items() if seats is not None}
    path = f"workshops/{workshop}/placements/{location}"
    with call.api() as api:
        placement = api.patch(path, wanted) if wanted else api.get(path)
    call.out.thing({name: placement[name] for name in READY})


@command(app, "sync")
def sync(call: Call, dry_run: DryRunOption = False, force: ForceOption = False) -> None:
    """Brings in the workshops of the content folders, and retires those that are gone. Exit code 1 when one was refused."""
    with call.api() as api:
        report = api.post("workshops/sync", dry_run=dry_run, force=force)
    call.out.thing(report)
    if report["refused"]:
        raise Failure(f"{len(report['refused'])} were refused and stay as they were stored", type_="refused")


@command(app, "deactivate")
def deactivate(call: Call, workshop: WorkshopArgument, text: TextOption) -> None:
    """Nobody is registered for it until it is activated; who is in stays. The content's own ``active`` is untouched."""
    with call.api() as api:
        call.out.thing(api.put("pauses", {"workshop": workshop, "text": text}))


@command(app, "activate")
def activate(call: Call, workshop: WorkshopArgument) -> None:
    """Ends what ``deactivate`` has begun."""
    with call.api() as api:
        api.delete("pauses", workshop=workshop)
    call.out.done(f"{workshop} takes people again", {"workshop": workshop, "paused": None})

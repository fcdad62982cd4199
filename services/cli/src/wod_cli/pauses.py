"""``wod pauses``: where nobody is let in, and what visitors are told."""

from typing import Annotated

import typer

from wod_cli.calls import Call, command, group
from wod_cli.failures import Misused
from wod_cli.options import LocationOption, WorkshopOption

app = group("pauses", "Where nobody is let in, and what visitors are told.")

TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="What visitors are told.")]
EverywhereOption = Annotated[bool, typer.Option("--everywhere", help="At every location, for every workshop.")]


@command(app, "list")
def list_pauses(call: Call) -> None:
    """What hinders registration now."""
    with call.api() as api:
        call.out.rows(api.get("pauses")["items"], ("location", "workshop", "text", "created_at", "created_by"))


@command(app, "set")
def set_pause(
    call: Call,
    text: TextArgument,
    location: LocationOption = None,
    workshop: WorkshopOption = None,
    everywhere: EverywhereOption = False,
) -> None:
    """Pauses registration at a location, for a workshop or everywhere; again, it changes the text."""
    scope = _scope(location, workshop, everywhere)
    with call.api() as api:
        call.out.thing(api.put("pauses", {**scope, "text": text}))


@command(app, "clear")
def clear(
    call: Call, location: LocationOption = None, workshop: WorkshopOption = None, everywhere: EverywhereOption = False
) -> None:
    """Registration goes on in this scope."""
    scope = _scope(location, workshop, everywhere)
    with call.api() as api:
        api.delete("pauses", **scope)
    call.out.done("registration goes on", {"cleared": scope})


def _scope(location: int | None, workshop: str | None, everywhere: bool) -> dict[str, int | str]:
    """Everywhere has to be said: a forgotten option must not close the whole platform. Raises Misused."""
    given: dict[str, int | str | None] = {"location": location, "workshop": workshop}
    scope = {name: value for name, value in given.items() if value is not None}
    if len(scope) + everywhere != 1:
        raise Misused("where? Give one of --location, --workshop and --everywhere")
    return scope

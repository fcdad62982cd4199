"""``wod command``: what is sent to seats."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from wod_cli.calls import Call, command, group, seat_range
from wod_cli.client import Api
from wod_cli.following import check, wait_for
from wod_cli.options import (
    CommandArgument,
    LimitOption,
    LocationOption,
    PatienceOption,
    RangeArgument,
    StateOption,
    WaitOption,
    WorkshopArgument,
)

app = group("command", "What is sent to seats: by hand, and by the platform.")

ENDED = frozenset({"done", "failed", "superseded"})
COLUMNS = (
    "id",
    "verb",
    "workshop",
    "student_id",
    "location_id",
    "registration_id",
    "state",
    "attempts",
    "created_at",
    "error",
)

VerbArgument = Annotated[str, typer.Argument(metavar="VERB", help="CLEANUP, RESET, PURGE or DELETE.")]
ForceOption = Annotated[bool, typer.Option("--force", help="End the sessions of those who are in.")]
VerbOption = Annotated[str | None, typer.Option("--verb", help="Only this verb.")]
RegistrationOption = Annotated[int | None, typer.Option("--registration", min=1, help="Only of this registration.")]


@command(app, "send")
def send(  # noqa: PLR0913, PLR0917 - each is an option
    call: Call,
    verb: VerbArgument,
    workshop: WorkshopArgument,
    seats: RangeArgument = None,
    location: LocationOption = None,
    force: ForceOption = False,
    wait: WaitOption = False,
    patience: PatienceOption = 30.0,
) -> None:
    """Sends a verb to a workshop's seats: signed, one command each, through the location's gate.

    Where somebody is in one of the seats nothing is sent. A lab for a person is made by a registration: wod registrations add.
    """
    first, last = seat_range(seats)
    asked = {
        "verb": verb.upper(),
        "workshop": workshop,
        "location": location,
        "first": first,
        "last": last,
        "force": force,
    }
    with call.api() as api:
        receipt = api.post("commands", {name: value for name, value in asked.items() if value is not None})
        sent = [seat for seat in receipt["seats"] if seat["command"]]
        if wait:
            _wait(call, api, sent, patience)
    if call.out.as_json:
        call.out.thing(receipt)
    else:
        results = ("state", "error") if wait else ()
        call.out.rows(receipt["seats"], ("number", "outcome", "verb", "command", "reason", *results))
    check((f"student{seat['number']}" for seat in sent if seat.get("state") in {"failed", "superseded"}), "commands")


def _wait(call: Call, api: Api, sent: list[dict[str, Any]], minutes: float) -> None:
    def ended() -> int:
        for seat in sent:
            if seat.get("state") not in ENDED:
                seat.update(_state(api.get(f"commands/{seat['command']}")))
        return sum(seat["state"] in ENDED for seat in sent)

    wait_for(call.out, "commands", len(sent), ended, minutes, "they go on; wod command list shows them")


def _state(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": row["state"], "error": row["error"]}


@command(app, "list")
def list_commands(
    call: Call,
    state: StateOption = None,
    verb: VerbOption = None,
    location: LocationOption = None,
    registration: RegistrationOption = None,
    limit: LimitOption = 100,
) -> None:
    """Commands, the latest first."""
    query = {"state": state, "verb": verb and verb.upper(), "location": location, "registration": registration}
    with call.api() as api:
        call.out.rows(api.items("commands", limit, **query), COLUMNS)


@command(app, "show")
def show(call: Call, command_id: CommandArgument) -> None:
    """One command with what its agent has reported."""
    with call.api() as api:
        call.out.thing(api.get(f"commands/{command_id}"))


@command(app, "retry")
def retry(call: Call, command_id: CommandArgument) -> None:
    """Sends a command that waits at once."""
    with call.api() as api:
        call.out.thing(api.post(f"commands/{command_id}/retry"))

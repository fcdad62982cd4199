"""``wod seats``: the numbered accounts of the locations."""

from wod_cli.calls import Call, command, group
from wod_cli.options import LimitOption, LocationOption, SeatArgument, StateOption

app = group("seats", "The numbered accounts of the locations.")

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

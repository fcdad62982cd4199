"""``wod locations``: back ends with a hub and seats."""

from typing import Any

from wod_cli import moving
from wod_cli.calls import Call, command, group
from wod_cli.options import LocationArgument

app = group("locations", "Back ends with a hub and seats.")
moving.add_to(app)

COLUMNS = (
    "id", "name", "healthy", "seats.free", "seats.in_use", "seats.cleaning", "seats.broken", "commands_waiting",
    "drained_at", "paused", "unhealthy_reason",
)  # fmt: skip


@command(app, "list")
def list_locations(call: Call) -> None:
    """Every location with its load and its health."""
    with call.api() as api:
        call.out.rows(api.get("locations")["items"], COLUMNS)


@command(app, "show")
def show(call: Call, location: LocationArgument) -> None:
    """One location."""
    with call.api() as api:
        call.out.thing(api.get(f"locations/{location}"))


@command(app, "drain")
def drain(call: Call, location: LocationArgument) -> None:
    """It takes nobody new; who is in stays until his end."""
    _tell(call, location, "drain")


@command(app, "undrain")
def undrain(call: Call, location: LocationArgument) -> None:
    """It takes people again."""
    _tell(call, location, "undrain")


def _tell(call: Call, location: int, act: str) -> None:
    with call.api() as api:
        answer: dict[str, Any] = api.post(f"locations/{location}/{act}")
    call.out.thing(answer)

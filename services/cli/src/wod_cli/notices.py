"""``wod notices``: what an operator has to know of."""

from wod_cli.calls import Call, command, group
from wod_cli.options import LimitOption

app = group("notices", "What an operator has to know of.")


@command(app, "list")
def list_notices(call: Call, limit: LimitOption = 100) -> None:
    """Notices, the latest first."""
    with call.api() as api:
        columns = ("id", "at", "kind", "location_id", "registration_id", "text")
        call.out.rows(api.items("notices", limit), columns)

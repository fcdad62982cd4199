"""``wod doctor``: looks at a whole installation, and says what to do."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from wod_cli import probes
from wod_cli.calls import Call, command
from wod_cli.client import Api
from wod_cli.failures import Failure, Misused
from wod_cli.logins import folder, secret_of
from wod_cli.probes import Finding
from wod_cli.trial import registered

COLUMNS = ("ok", "check", "subject", "detail", "mend")
HUB_TOKEN = "WOD_HUB_TOKEN"  # noqa: S105 - the variable's name

PortalOption = Annotated[str | None, typer.Option("--portal", envvar="WOD_PORTAL_URL", help="The portal's address.")]
HubOption = Annotated[
    int | None,
    typer.Option(
        "--hub-token-of",
        min=1,
        help=f"Also look at the agent's token at the hub of this location: {HUB_TOKEN}, or the file hub-token.",
    ),
]
RegisterOption = Annotated[
    str | None,
    typer.Option(
        "--register",
        metavar="WKSHP",
        help="Also register for it, wait for the lab and its mail, end it, and wait until it is clean.",
    ),
]
EmailOption = Annotated[str | None, typer.Option("--email", help="For --register: an address of yours.")]
PatienceOption = Annotated[
    float, typer.Option("--patience", min=0.01, help="For --register: minutes to wait for each step.")
]


def add_to(app: typer.Typer) -> None:
    command(app, "doctor")(doctor)


def doctor(
    call: Call,
    portal: PortalOption = None,
    hub_token_of: HubOption = None,
    register: RegisterOption = None,
    email: EmailOption = None,
    patience: PatienceOption = 5.0,
) -> None:
    """Looks at the whole installation and says what to mend. Exit code 1 when something is wrong."""
    if register is not None and email is None:
        raise Misused("--register wants an address of yours: --email me@example.org")
    with call.api() as api:
        found = list(_look(api, portal, hub_token_of))
        if register is not None and email is not None:
            found += registered(call, api, register, email, patience)
    call.out.rows(map(asdict, found), COLUMNS)
    wrong = [finding.check for finding in found if not finding.ok]
    if wrong:
        raise Failure(f"{len(wrong)} of {len(found)} are not well: {', '.join(wrong)}", type_="unwell")


def _look(api: Api, portal: str | None, hub_token_of: int | None) -> Iterator[Finding]:
    root = api.root
    yield from probes.answers("api-db", root, "/healthz", "start the api-db")
    yield from probes.answers("worker", root, "/readyz", "start python -m wod_api_db.worker, and look at the database")
    own = [Finding(**item) for item in api.post("diagnosis")["items"]]
    yield from own
    if any(finding.check == "schema" and not finding.ok for finding in own):
        return
    if portal is not None:
        yield from probes.answers("portal", portal, "/healthz", "start the portal, or its proxy")
    rows: list[dict[str, Any]] = api.get("locations")["items"]
    yield from probes.overlaps(rows)
    yield from probes.versions(api.version(), rows)
    for row in rows:
        yield from probes.answers("hub", row["hub_url"], "/hub/api", f"start the hub of {row['name']}, and its proxy")
        yield from probes.location(row)
        if row["id"] == hub_token_of:
            yield probes.hub_token(row["hub_url"], _hub_token())


def _hub_token() -> str:
    place: Path = folder() / "hub-token"
    token = secret_of(os.environ, HUB_TOKEN, place)
    if token is None:
        raise Misused(f"set {HUB_TOKEN} to the agent's token at the hub, or write it to {place} with mode 0600")
    return token

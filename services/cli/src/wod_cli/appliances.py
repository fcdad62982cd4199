"""``wod appliance``: machines that workshops work with, set up by a location's agent."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from wod_cli.calls import Call, command, group, seat_range
from wod_cli.client import Api
from wod_cli.failures import Failure, Misused, NotLoggedIn
from wod_cli.following import check, wait_for
from wod_cli.logins import folder, secret_of
from wod_cli.options import PatienceOption, RangeArgument, WorkshopArgument

app = group("appliance", "Machines that workshops work with.")

TOKEN_VARIABLE = "WOD_AGENT_TOKEN"  # noqa: S105 - the variable's name
LocationOption = Annotated[int, typer.Option("--location", min=1, help="The location whose agent does it.")]
AgentUrlOption = Annotated[
    str | None, typer.Option("--agent-url", envvar="WOD_AGENT_URL", help="By default what the location says.")
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option("--token-file", help=f"Mode 0600, with the agent's token, unless {TOKEN_VARIABLE} is set."),
]


@command(app, "setup")
def setup(
    call: Call,
    workshop: WorkshopArgument,
    location: LocationOption,
    seats: RangeArgument = None,
    agent_url: AgentUrlOption = None,
    token_file: TokenFileOption = None,
    patience: PatienceOption = 60.0,
) -> None:
    """Has the agent set up the appliances of a workshop's seats, and waits for it."""
    token = _token(token_file)
    with call.api() as api:
        asked = _seats(api, workshop, location, seats)
        url = agent_url or _agent_of(api, location)
    with Api(url.rstrip("/") + "/", call.timeout, token=token, way_out="is --agent-url right?") as agent:
        run = agent.post(f"appliances/{workshop}/setup", asked)
        result = _followed(call, agent, run["id"], patience)
    if call.out.as_json:
        call.out.thing({"id": run["id"], **result})
    else:
        call.out.rows(result["seats"], ("student", "state", "output"))
    check((f"student{seat['student']}" for seat in result["seats"] if seat["state"] == "failed"), "appliances")
    if result["state"] == "failed":
        raise Failure(f"run {run['id']} has failed; the agent's log says why")


def _followed(call: Call, agent: Api, run: str, minutes: float) -> dict[str, Any]:
    latest: dict[str, Any] = {}

    def ended() -> int:
        latest.update(agent.get(f"appliances/runs/{run}"))
        return int(latest["state"] != "running")

    wait_for(call.out, "appliances", 1, ended, minutes, f"run {run} goes on at the agent")
    return latest


def _seats(api: Api, workshop: str, location: int, seats: str | None) -> dict[str, int]:
    """With the first seat of the placement, from which addresses are counted: an operator may have moved the range."""
    first, last = seat_range(seats)
    placement = api.get(f"workshops/{workshop}/placements/{location}")
    if first is None or last is None:
        first, last = placement["first"], placement["last"]
    if last < first:
        raise Misused(f"the last seat {last} is before the first one {first}")
    return {"first": first, "last": last, "first_seat": placement["first"]}


def _agent_of(api: Api, location: int) -> str:
    url = str(api.get(f"locations/{location}")["agent_url"])
    if not url:
        raise Failure(f"location {location} has no agent_url; give its agent's address with --agent-url")
    return url


def _token(path: Path | None) -> str:
    place = path or folder() / "agent-token"
    token = secret_of(os.environ, TOKEN_VARIABLE, place)
    if token is None:
        raise NotLoggedIn(f"the agent wants its token: set {TOKEN_VARIABLE}, or write it to {place} with mode 0600")
    return token

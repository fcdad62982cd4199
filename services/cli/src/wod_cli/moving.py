"""``wod locations move``: the workshops of one location are given at another one from now on."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from wod_cli.calls import Call, command
from wod_cli.client import Api
from wod_cli.failures import Failure, Misused
from wod_cli.options import LocationArgument

COLUMNS = ("workshop", "seats", "first", "last", "moved", "reason")
#: what an operator has set beside the range; moved where it is not what a new placement has anyway
_KEPT = ("reset_range", "ready_minimum", "ready_maximum")

TargetArgument = Annotated[int, typer.Argument(metavar="TARGET", min=1, help="Where they are given instead.")]
WorkshopsOption = Annotated[list[str] | None, typer.Option("--workshop", help="Only this one; may be given again.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would move and change nothing.")]


def add_to(app: typer.Typer) -> None:
    command(app, "move")(move)


def move(
    call: Call,
    location: LocationArgument,
    target: TargetArgument,
    workshop: WorkshopsOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Gives the workshops of a location at another one, with as many seats in a row as are free there.

    Who is in stays until his end. Exit code 1 when one could not be moved: it stays where it is.
    """
    if location == target:
        raise Misused("a location is not moved to itself")
    with call.api() as api:
        placements = _open_at(api, location, workshop)
        moves = _booked(api, placements, str(api.get(f"locations/{target}")["fqdn"]), dry_run=dry_run)
        if not dry_run:
            for row, placement in zip(moves, placements, strict=True):
                _finish(api, row, placement, target)
    call.out.rows(moves, COLUMNS)
    left = [row["workshop"] for row in moves if row["reason"]]
    if left:
        raise Failure(f"{len(left)} of {len(moves)} stay where they are: {', '.join(left)}", type_="refused")


def _open_at(api: Api, location: int, wanted: Sequence[str] | None) -> list[dict[str, Any]]:
    """Raises Misused for a workshop that is not given there."""
    known = [row["notebook"] for row in api.get("workshops")["items"]]
    names = list(dict.fromkeys(wanted or known))
    found = [
        placement
        for name in names
        for placement in api.get(f"workshops/{name}/placements")["items"]
        if placement["location"] == location and placement["closed_at"] is None
    ]
    missing = set(wanted or ()) - {placement["workshop"] for placement in found}
    if missing:
        raise Misused(f"not given at location {location}: {', '.join(sorted(missing))}")
    return found


def _booked(api: Api, placements: Sequence[Mapping[str, Any]], target: str, *, dry_run: bool) -> list[dict[str, Any]]:
    """The seats at the target, by the same rules as those of a file of wishes."""
    wishes = {placement["workshop"]: _wish(placement) for placement in placements}
    report: dict[str, Any] = {"booked": [], "refused": []}
    if wishes:
        content = json.dumps({target: wishes}).encode()  # JSON is YAML
        report = api.send("seat-wishes", content, "application/yaml", dry_run=dry_run)
    booked = {row["workshop"]: row for row in report["booked"]}
    refused = {row["workshop"]: row["reason"] for row in report["refused"]}
    return [
        {
            "workshop": name,
            "seats": wish["seats"],
            "first": booked[name]["first"] if name in booked else None,
            "last": booked[name]["last"] if name in booked else None,
            "moved": name in booked and not dry_run,
            "reason": refused.get(name, ""),
        }
        for name, wish in wishes.items()
    ]


def _wish(placement: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seats": placement["last"] - placement["first"] + 1,
        "capacity": placement["capacity"],
        "speaker": placement["speaker_seat"],
    }


def _finish(api: Api, row: dict[str, Any], placement: Mapping[str, Any], target: int) -> None:
    """First there, then not here any more: in between it is given at both."""
    if not row["moved"]:
        return
    path = f"workshops/{row['workshop']}/placements"
    try:
        kept = {name: placement[name] for name in _KEPT if placement[name]}
        api.patch(f"{path}/{target}", {"closed": False, **kept})
        api.patch(f"{path}/{placement['location']}", {"closed": True})
    except Failure as failure:
        row.update(moved=False, reason=f"{failure.detail}; it has its seats at location {target} as well")

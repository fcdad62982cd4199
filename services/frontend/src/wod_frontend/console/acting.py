"""An act from the question to the answer: what is meant, what follows, and what became of it, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from wod_common.problems import ProblemDetails
from wod_frontend.api import ApiRefused
from wod_frontend.console.acts import Act
from wod_frontend.console.backstage import Calls, Refused, Row
from wod_frontend.console.desk import AnyDesk, Desk
from wod_frontend.console.listings import LISTINGS, with_scope
from wod_frontend.console.lists import Names, admit, names
from wod_frontend.console.offered_acts import ACTS
from wod_frontend.csrf import FIELD

router = APIRouter(prefix="/console/acts", default_response_class=HTMLResponse, include_in_schema=False)

#: More at a time would keep the page waiting for longer than a person does.
MOST_ROWS = 100
Ids = Annotated[list[str], Query(alias="id", max_length=MOST_ROWS)]


def _act(name: str) -> Act:
    if name not in ACTS:
        raise HTTPException(404)
    return ACTS[name]


@dataclass(frozen=True)
class Target:
    """A row that is meant; ``page`` shows it."""

    identity: str
    title: str
    page: str
    row: Row = field(repr=False)
    fits: bool = True


@dataclass(frozen=True)
class Outcome:
    """``problem`` is None where it was done."""

    target: Target
    problem: ProblemDetails | None
    answer: Row
    alternatives: Sequence[Row] = ()


@router.get("/{name}")
async def ask(name: str, request: Request, desk: AnyDesk, ids: Ids = []) -> Response:  # noqa: B006 - FastAPI's own default, never changed
    """What would be done to which rows; nothing is done yet."""
    act = _act(name)
    admit(desk, act.needs)
    # what an address may fill in beforehand is shown to the operator, and sent by nobody else
    given = {one.name: request.query_params[one.name] for one in act.fields if one.name in request.query_params}
    return await _question(desk, act, await _targets(desk.api, act, ids), given, {})


@router.post("/{name}")
async def do(name: str, request: Request, desk: AnyDesk) -> Response:
    """Does it to one row after another, and says of each what became of it."""
    act = _act(name)
    form = await request.form()
    desk.check_form(str(form.get(FIELD, "")))
    admit(desk, act.needs)
    typed = {one.name: str(form.get(one.name, "")) for one in act.fields}
    targets = await _targets(desk.api, act, _chosen(form))
    meant = [target for target in targets if target.fits]
    outcomes = [await _do(desk.api, act, target, typed) for target in meant]
    if len(outcomes) == 1 and outcomes[0].problem is not None:
        return await _question(desk, act, targets, typed, _errors(outcomes[0].problem), outcomes[0])
    if len(outcomes) == 1 and not act.tells:
        return RedirectResponse(_behind(act, outcomes[0].target), 303)
    return desk.page("done.html", act=act, outcomes=outcomes, back=_list_of(act))


def _chosen(form: FormData) -> list[str]:
    return [str(value) for value in form.getlist("id")][:MOST_ROWS]


async def _question(
    desk: Desk,
    act: Act,
    targets: Sequence[Target],
    typed: dict[str, str],
    errors: dict[str, str],
    outcome: Outcome | None = None,
) -> Response:
    if act.on and not targets:
        raise HTTPException(404)
    known = await names(desk) if any(one.kind in {"location", "workshop"} for one in act.fields) else Names()
    values = {one.name: typed.get(one.name, _begins(one, targets)) for one in act.fields}
    return desk.page(
        "act.html",
        outcome.problem.status if outcome and outcome.problem else 200,
        act=act,
        targets=targets,
        values=values,
        errors=errors,
        alternatives=[(one, _instead(act, values, targets, one)) for one in outcome.alternatives] if outcome else [],
        names=known,
        back=targets[0].page if len(targets) == 1 and act.on else _list_of(act),
        may=any(target.fits for target in targets),
    )


def _instead(act: Act, values: dict[str, str], targets: Sequence[Target], one: Row) -> str:
    """The same form, filled in with another time and place."""
    proposed = values | {
        "location": one["location"],
        "starts_at": one["starts_at"][:16],
        "ends_at": one["ends_at"][:16],
    }
    known = [field.name for field in act.fields]
    said = [(name, value) for name, value in proposed.items() if name in known and value != ""]
    return f"/console/acts/{act.name}?{urlencode([*said, *(('id', one.identity) for one in targets if one.identity)])}"


def _begins(one: Any, targets: Sequence[Target]) -> str:
    """What the form's entry holds at first: of a single row its present value."""
    if not one.stands or len(targets) != 1:
        return str(one.begins)
    value: Any = targets[0].row
    for part in one.stands.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    if one.kind == "moment":
        return str(value)[:16]
    return "" if value is None else ("yes" if value is True else str(value))


def _errors(problem: ProblemDetails) -> dict[str, str]:
    """Beside their fields; what belongs to none under ``""``."""
    errors: dict[str, str] = {}
    for item in problem.errors or []:
        errors.setdefault(item.get("field", "").removeprefix("body."), item.get("message", problem.detail))
    return errors or {"": problem.detail}


async def _do(api: Calls, act: Act, target: Target, typed: dict[str, str]) -> Outcome:
    said = act.body(target.row, typed)
    try:
        if act.in_query:
            answer = await api.call(act.method, act.address(target.identity), params=said)
        else:
            answer = await api.call(act.method, act.address(target.identity), json=said or None)
    except Refused as refused:
        return Outcome(target, refused.problem, {}, refused.alternatives)
    return Outcome(target, None, answer)


async def _targets(api: Calls, act: Act, ids: Sequence[str]) -> list[Target]:
    """The rows as they stand now; for an act that makes something new the one that is not there yet."""
    if not act.on:
        return [Target("", "", _list_of(act), {})]
    rows = [await _row(api, act.on, identity) for identity in dict.fromkeys(ids[:MOST_ROWS])]
    return [
        Target(identity, _title(act.on, row), _page(act.on, identity), row, act.fits(row))
        for identity, row in zip(dict.fromkeys(ids), rows, strict=False)
        if row
    ]


async def _row(api: Calls, kind: str, identity: str) -> Row:
    """Empty where it is not there any more."""
    if kind == "placements":
        workshop, _, location = identity.partition("@")
        path = f"/api/v1/workshops/{quote(workshop, safe='')}/placements/{quote(location, safe='')}"
    else:
        listing = LISTINGS[kind]
        if not listing.one:
            rows = map(with_scope, (await api.get(listing.path))["items"])
            return next((row for row in rows if listing.identity_of(row) == identity), {})
        path = listing.one.format(id=quote(identity, safe=""))
    try:
        return await api.get(path)
    except ApiRefused as refused:
        if refused.problem.status in {404, 422}:
            return {}
        raise


_TITLES = {
    "registrations": "{email} · {workshop}",
    "students": "{username}",
    "commands": "{verb} · {workshop}",
    "mails": "{template} · {recipient}",
    "locations": "{name}",
    "placements": "{workshop} · {location_name}",
    "workshops": "{name}",
    "accounts": "{username}",
    "pauses": "{text}",
    "classes": "{title} · {workshop_name}",
}


def _title(kind: str, row: Row) -> str:
    return _TITLES[kind].format_map(row)


def _page(kind: str, identity: str) -> str:
    if kind == "placements":
        return f"/console/workshops/{quote(identity.partition('@')[0], safe='')}"
    detailed = LISTINGS[kind].detailed
    return f"/console/{kind}/{quote(identity, safe='')}" if detailed else f"/console/{kind}"


def _list_of(act: Act) -> str:
    kind = act.then or ("workshops" if act.on == "placements" else act.on)
    return f"/console/{kind}"


def _behind(act: Act, target: Target) -> str:
    """The row's page, which says what was done; the list where the row is gone or has no page."""
    page = _list_of(act) if act.then else target.page
    return f"{page}?{urlencode({'done': act.name})}"

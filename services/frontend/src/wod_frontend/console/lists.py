"""A list on a page and as a sheet: searched, narrowed down, a page at a time."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.exceptions import HTTPException

from wod_frontend.api import ApiRefused
from wod_frontend.console.access import Rank, RoleMissing
from wod_frontend.console.acts import Act
from wod_frontend.console.backstage import LARGEST_PAGE, Calls, Row
from wod_frontend.console.desk import AnyDesk, Desk
from wod_frontend.console.listings import LISTINGS, Listing, with_scope
from wod_frontend.console.offered_acts import heads_of, of_rows
from wod_frontend.console.sheets import sheet

router = APIRouter(prefix="/console", default_response_class=HTMLResponse, include_in_schema=False)

ROWS = 50
#: The longest search or filter that anything of ours may answer to.
LONGEST_WORD = 254


@dataclass(frozen=True)
class Asked:
    """What of the address counts: the search, the list's own filters, and where the page begins."""

    words: dict[str, str] = field(default_factory=dict)
    cursor: str = ""

    def params(self) -> dict[str, str]:
        """As the api-db wants them: a day is its midnight, the last one is meant whole."""
        params = dict(self.words)
        for name, more in (("since", 0), ("until", 1)):
            if name in params:
                params[name] = _midnight(params[name], more)
        return params | ({"cursor": self.cursor} if self.cursor else {})

    def address(self, **more: str) -> str:
        return urlencode({name: value for name, value in (self.words | more).items() if value})


def _midnight(typed: str, days: int) -> str:
    try:
        return f"{date.fromisoformat(typed) + timedelta(days=days)}T00:00:00Z"
    except (ValueError, OverflowError):
        return typed


def _listing(name: str) -> Listing:
    if name not in LISTINGS:
        raise HTTPException(404)
    return LISTINGS[name]


def asked_of(request: Request, listing: Listing) -> Asked:
    names = [one.name for one in listing.filters] + (["q"] if listing.searched else [])
    words = {name: request.query_params.get(name, "").strip()[:LONGEST_WORD] for name in names}
    kept = {name: value for name, value in words.items() if value}
    return Asked(kept, request.query_params.get("cursor", "")[:LONGEST_WORD])


@dataclass(frozen=True)
class Names:
    """What ids and filters stand for."""

    locations: dict[int, str] = field(default_factory=dict)
    workshops: dict[str, str] = field(default_factory=dict)


async def names(desk: Desk) -> Names:
    """Instructors see no locations: theirs are found for them."""
    workshops = desk.api.get("/api/v1/workshops")
    if not desk.operator.may(Rank.MODERATOR):
        return Names({}, {row["notebook"]: row["name"] for row in (await workshops)["items"] if row["active"]})
    locations, workshops_found = await asyncio.gather(desk.api.get("/api/v1/locations"), workshops)
    return Names(
        {row["id"]: row["name"] for row in locations["items"]},
        {row["notebook"]: row["name"] for row in workshops_found["items"]},
    )


async def page_of(api: Calls, listing: Listing, asked: Asked) -> Row:
    if not listing.whole:
        return await api.get(listing.path, limit=ROWS, **asked.params())
    rows = [with_scope(row) if listing.identity == "scope" else row for row in (await api.get(listing.path))["items"]]
    return {"items": listing.keep(rows, asked.words), "next": None}


def admit(desk: Desk, needed: Any) -> None:
    """Raises RoleMissing."""
    if not desk.operator.may(needed):
        raise RoleMissing


@router.get("/{name}.csv")
async def download(name: str, request: Request, desk: AnyDesk) -> Response:
    """The same rows, all of them."""
    listing = _listing(name)
    admit(desk, listing.needs)
    asked = asked_of(request, listing)
    headers = {"Content-Disposition": f'attachment; filename="{listing.name}-{date.today()}.csv"'}  # noqa: DTZ011 - a name
    if listing.whole:
        rows = (await page_of(desk.api, listing, asked))["items"]
        return StreamingResponse(sheet(_each(rows)), media_type="text/csv", headers=headers)
    # asked for once before the answer begins: a refusal is still a page then
    await desk.api.get(listing.path, limit=1, **asked.params())
    rows_of_all = desk.api.every(listing.path, limit=LARGEST_PAGE, **asked.params())
    return StreamingResponse(sheet(rows_of_all), media_type="text/csv", headers=headers)


async def _each(rows: list[Row]) -> Any:
    for row in rows:
        yield row


@router.get("/{name}")
async def show(name: str, request: Request, desk: AnyDesk) -> Response:
    listing = _listing(name)
    admit(desk, listing.needs)
    asked = asked_of(request, listing)
    known = await names(desk)
    wrong, found = "", Row(items=[], next=None)
    try:
        found = await page_of(desk.api, listing, asked)
    except ApiRefused as refused:
        if refused.problem.status != 422:
            raise
        wrong = refused.problem.detail
    return desk.page(
        "list.html",
        422 if wrong else 200,
        listing=listing,
        asked=asked,
        rows=found["items"],
        following=found.get("next"),
        wrong=wrong,
        names=known,
        bulk=_for(desk, of_rows(listing.name)),
        heads=_for(desk, heads_of(listing.heads)),
        done=request.query_params.get("done", ""),
    )


def _for(desk: Desk, acts: list[Act]) -> list[Act]:
    return [act for act in acts if desk.operator.may(act.needs)]

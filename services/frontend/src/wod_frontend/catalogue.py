"""Home, the catalogue, and the recordings."""

import heapq
from collections.abc import Sequence

from fastapi import APIRouter, Response
from fastapi.requests import Request
from fastapi.responses import HTMLResponse

from wod_frontend.language import gettext
from wod_frontend.selecting import LENGTHS, PAGE, SelectionDep, most_popular
from wod_frontend.state import ApiDep, PagesDep
from wod_frontend.wire import Workshop
from wod_frontend.words import duration, web_address

router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
#: so many cards in each of home's rows
ROW = 3


@router.get("/")
async def home(request: Request, api: ApiDep, pages: PagesDep) -> Response:
    workshops = await api.workshops()
    # an installation that is new counts few: the most important ones fill the row
    popular = list(dict.fromkeys([*most_popular(workshops, await api.popular()), *workshops[:ROW]]))[:ROW]
    shown = {workshop.notebook for workshop in popular}
    others = [workshop for workshop in workshops if workshop.notebook not in shown]
    fresh = heapq.nlargest(ROW, others, key=lambda workshop: workshop.created_at)
    return pages.render(
        request, "home.html", count=len(workshops), popular=popular, latest=fresh, figures=await api.figures()
    )


@router.get("/workshops")
async def catalogue(request: Request, api: ApiDep, pages: PagesDep, selection: SelectionDep) -> Response:
    workshops = await api.workshops()
    chosen = selection.chosen(workshops, await api.popular() if selection.tab == "popular" else ())
    start = (selection.page - 1) * PAGE
    return pages.render(
        request,
        "catalogue.html",
        selection=selection,
        shown=chosen[start : start + PAGE],
        found=len(chosen),
        more=len(chosen) > start + PAGE,
        categories=_categories(workshops),
        lengths=[_length(minutes) for minutes in LENGTHS],
    )


def _categories(workshops: Sequence[Workshop]) -> list[tuple[str, str]]:
    names = sorted({name for workshop in workshops for name in workshop.category}, key=str.casefold)
    return [("", gettext("Any topic")), *((name, name) for name in names)]


def _length(minutes: int) -> tuple[int, str]:
    said = gettext("At most %(time)s") % {"time": duration(minutes * 60)} if minutes else gettext("Any length")
    return minutes, said


@router.get("/replays")
async def replays(request: Request, api: ApiDep, pages: PagesDep) -> Response:
    recorded = [workshop for workshop in await api.workshops() if web_address(workshop.replay_link)]
    return pages.render(request, "replays.html", workshops=recorded)

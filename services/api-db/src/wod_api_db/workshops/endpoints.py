"""Workshops over REST."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from wod_api_db.app_state import CatalogueDep
from wod_api_db.db import SessionDep
from wod_api_db.workshops import repository
from wod_api_db.workshops.catalogue import Answer, Catalogue, Filters
from wod_api_db.workshops.popular import PopularDep
from wod_api_db.workshops.schemas import PopularWorkshops, WorkshopList, WorkshopView, view
from wod_common.problems import NotFound, responses

router = APIRouter(prefix="/api/v1/workshops", tags=["workshops"])
_EVERYTHING = Filters()


@router.head("", include_in_schema=False)
@router.get("", response_model=WorkshopList, responses={304: {"description": "Still what If-None-Match names"}})
async def list_workshops(
    catalogue: CatalogueDep,
    active: Annotated[bool | None, Query(description="true leaves out what nobody can register for")] = None,
    category: Annotated[str | None, Query(max_length=80, description="One of a workshop's categories")] = None,
    q: Annotated[str | None, Query(max_length=200, description="A text in name or description")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The catalogue, by priority and name, with an entity tag: ask again with If-None-Match."""
    return _respond(await catalogue.answer(Filters(active, category, q)), if_none_match)


class WholeCatalogue:
    """ASGI middleware that answers for ``list_workshops`` where nothing is to be left out.

    Every visit begins with this one request, and its answer lies ready: the framework's way to it takes longer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._route = next(
            route for route in router.routes if isinstance(route, Route) and route.name == "list_workshops"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = (
            scope["type"] == "http"
            and scope["path"] == self._route.path
            and scope["method"] in {"GET", "HEAD"}
            and not scope["query_string"]
        )
        if not asked:
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route  # requests are counted by it
        catalogue: Catalogue = scope["app"].state.catalogue
        response = _respond(await catalogue.answer(_EVERYTHING), Headers(scope=scope).get("if-none-match"))
        await response(scope, receive, send)


def _respond(answer: Answer, if_none_match: str | None) -> Response:
    headers = {"ETag": answer.etag, "Cache-Control": "no-cache"}
    if if_none_match is not None and _names(if_none_match, answer.etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type="application/json")


def _names(if_none_match: str, etag: str) -> bool:
    """Compared weakly, as RFC 9110 wants it: a proxy that has compressed the body weakens the tag."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


@router.get("/popular")
async def popular_workshops(popular: PopularDep, session: SessionDep) -> PopularWorkshops:
    """Those that most addresses have registered for in the last 90 days; a minute old at most."""
    return PopularWorkshops(items=await popular.notebooks(session))


@router.get("/{notebook}", responses=responses(NotFound))
async def show_workshop(
    notebook: Annotated[str, Path(max_length=80, pattern=r"^[^\x00]+$")], session: SessionDep
) -> WorkshopView:
    """One workshop as it stands at this moment."""
    offers = await repository.catalogue(session, notebook)
    if not offers:
        raise NotFound(f"there is no workshop {notebook!r}; GET /api/v1/workshops lists them")
    return view(offers[0])

"""The pages behind shared badges, and their pictures: the api-db may be out of a visitor's reach."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from wod_common.commands import WORKSHOP_PATTERN
from wod_frontend.api import Api
from wod_frontend.security import HEADERS
from wod_frontend.state import ApiDep, PagesDep

router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)

#: A workshop may bring its badge from another site, to which the picture's address then redirects.
_PICTURES = {"Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; img-src 'self' http: https:"}
#: Pages of others show it; a browser that opens an SVG itself runs and loads nothing.
_SHOWN_ANYWHERE = {
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
Kind = Literal["svg", "png"]
IfNoneMatch = Annotated[str | None, Header()]
Notebook = Annotated[str, Path(pattern=WORKSHOP_PATTERN)]
Special = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/badges/{token}")
async def show(token: UUID, request: Request, api: ApiDep, pages: PagesDep) -> Response:
    """For whoever has been given the link; it names nobody who has not asked for it."""
    return pages.render(request, "badge.html", headers=_PICTURES, badge=await api.badge(token))


@router.get("/badges/{token}/image.{kind}")
async def picture(token: UUID, kind: Kind, api: ApiDep, if_none_match: IfNoneMatch = None) -> Response:
    """As the api-db answers it: the picture, that the visitor's own is still good, or where else it is."""
    return await _picture(api, f"badges/{token}/image.{kind}", if_none_match)


@router.get("/workshops/{number}/special-badge")
async def special_badge(number: Special, request: Request, api: ApiDep, pages: PagesDep) -> Response:
    """What it takes to earn it; ``number`` is the special badge's."""
    for badge in await api.special_badges():
        if badge.id == number:
            return pages.render(request, "special_badge.html", headers=_PICTURES, badge=badge)
    raise HTTPException(404)


@router.get("/workshops/{number}/special-badge.{kind}")
async def special_picture(number: Special, kind: Kind, api: ApiDep, if_none_match: IfNoneMatch = None) -> Response:
    return await _picture(api, f"special-badges/{number}/image.{kind}", if_none_match)


@router.get("/workshops/{notebook}/finisher-badge")
async def finisher_badge(notebook: Notebook, request: Request, api: ApiDep, pages: PagesDep) -> Response:
    """What one gets for finishing the workshop."""
    return pages.render(request, "finisher_badge.html", headers=_PICTURES, workshop=await api.workshop(notebook))


@router.get("/workshops/{notebook}/finisher-badge.{kind}")
async def finisher_picture(notebook: Notebook, kind: Kind, api: ApiDep, if_none_match: IfNoneMatch = None) -> Response:
    return await _picture(api, f"workshops/{notebook}/badge.{kind}", if_none_match)


async def _picture(api: Api, path: str, if_none_match: str | None) -> Response:
    found = await api.picture(path, if_none_match)
    return Response(found.content, found.status, found.headers | _SHOWN_ANYWHERE)

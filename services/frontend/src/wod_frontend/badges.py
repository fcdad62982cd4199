"""The page behind a shared badge, and its picture: the api-db may be out of a visitor's reach."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import HTMLResponse

from wod_frontend.security import HEADERS
from wod_frontend.state import ApiDep, PagesDep

router = APIRouter(prefix="/badges", default_response_class=HTMLResponse, include_in_schema=False)

#: A workshop may bring its badge from another site, to which the picture's address then redirects.
_PICTURES = {"Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; img-src 'self' http: https:"}
#: Pages of others show it; a browser that opens an SVG itself runs and loads nothing.
_SHOWN_ANYWHERE = {
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}


@router.get("/{token}")
async def show(token: UUID, request: Request, api: ApiDep, pages: PagesDep) -> Response:
    """For whoever has been given the link; it names no person."""
    return pages.render(request, "badge.html", headers=_PICTURES, badge=await api.badge(token))


@router.get("/{token}/image.{kind}")
async def picture(
    token: UUID, kind: Literal["svg", "png"], api: ApiDep, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """As the api-db answers it: the picture, that the visitor's own is still good, or where else it is."""
    found = await api.badge_picture(token, kind, if_none_match)
    return Response(found.content, found.status, found.headers | _SHOWN_ANYWHERE)

"""The home page with the catalogue, and the pages that never change."""

from fastapi import APIRouter, Response
from fastapi.requests import Request
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse

from wod_frontend.pages import STATIC
from wod_frontend.registering import TERMS_VERSION
from wod_frontend.state import ApiDep, PagesDep

router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)


@router.get("/")
async def home(request: Request, api: ApiDep, pages: PagesDep, category: str = "") -> Response:
    workshops = await api.workshops()
    categories = sorted({name for workshop in workshops for name in workshop.category}, key=str.casefold)
    shown = [workshop for workshop in workshops if not category or category in workshop.category]
    return pages.render(
        request, "home.html", workshops=workshops, shown=shown, categories=categories, category=category
    )


@router.get("/terms")
async def terms(request: Request, pages: PagesDep) -> Response:
    return pages.render(request, "terms.html", terms_version=TERMS_VERSION)


@router.get("/privacy")
async def privacy(request: Request, pages: PagesDep) -> Response:
    return pages.render(request, "privacy.html")


@router.get("/favicon.svg")
@router.get("/favicon.ico")
async def favicon() -> Response:
    return FileResponse(STATIC / "favicon.svg", media_type="image/svg+xml")


@router.get("/robots.txt")
async def robots() -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /sessions/\n")

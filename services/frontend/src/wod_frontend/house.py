"""The pages that belong to the house and not to its workshops: texts, the operator's colours, the design's own page."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.requests import Request
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from wod_frontend.branding import PICTURE_KINDS
from wod_frontend.pages import STATIC
from wod_frontend.security import FOREVER, PICTURE_HEADERS
from wod_frontend.state import PagesDep
from wod_frontend.wire import Workshop

router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
_SAMPLE = Workshop(
    notebook="WKSHP-API101",
    name="API 101",
    description="Call real services, read their answers, and build a small client of your own.",
    category=("Open Source",),
    duration_seconds=7200,
    presenter="Ada Martin",
    role="",
    replay_link="",
    active=True,
    room=6,
    created_at=datetime(2026, 11, 2, tzinfo=UTC),
)
#: with seats, and without
SAMPLES = (_SAMPLE, _SAMPLE.model_copy(update={"name": "See your data", "category": ("Data",), "room": 0}))
FileName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")]


@router.get("/terms")
async def terms(request: Request, pages: PagesDep) -> Response:
    return pages.render(request, "terms.html", own=pages.branding.document("terms"))


@router.get("/privacy")
async def privacy(request: Request, pages: PagesDep) -> Response:
    return pages.render(request, "privacy.html", own=pages.branding.document("privacy"))


@router.get("/accessibility")
async def accessibility(request: Request, pages: PagesDep) -> Response:
    return pages.render(request, "accessibility.html")


@router.get("/styleguide")
async def styleguide(request: Request, pages: PagesDep) -> Response:
    """Every component once, for whoever builds a page."""
    return pages.render(request, "styleguide.html", samples=SAMPLES)


@router.get("/branding.css")
async def branding_style(pages: PagesDep) -> Response:
    return Response(pages.branding.style, media_type="text/css", headers={"Cache-Control": FOREVER})


@router.get("/branding/logo")
async def logo(pages: PagesDep) -> Response:
    return _picture(pages, pages.branding.logo)


@router.get("/branding/pictures/{name}")
async def picture(name: FileName, pages: PagesDep) -> Response:
    return _picture(pages, f"pictures/{name}")


def _picture(pages: PagesDep, name: str) -> Response:
    folder = pages.branding.folder
    path = folder / name if folder else None
    if path is None or path.suffix not in PICTURE_KINDS or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=PICTURE_KINDS[path.suffix], headers=PICTURE_HEADERS)


@router.get("/favicon.svg")
@router.get("/favicon.ico")
async def favicon() -> Response:
    return FileResponse(STATIC / "favicon.svg", media_type="image/svg+xml")


@router.get("/robots.txt")
async def robots() -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /sessions/\nDisallow: /mail/\n")

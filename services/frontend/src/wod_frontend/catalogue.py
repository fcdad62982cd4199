"""The home page with the catalogue, and the pages that never change."""

from fastapi import APIRouter, Response
from fastapi.requests import Request
from fastapi.responses import HTMLResponse

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

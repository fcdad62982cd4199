"""Joining a class: the code from the poster leads to the class's workshop, and its form registers with the code."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from wod_frontend.api import Api, ApiRefused
from wod_frontend.pages import Pages
from wod_frontend.registering import Typed, form_page
from wod_frontend.state import ApiDep, PagesDep

router = APIRouter(prefix="/join", default_response_class=HTMLResponse, include_in_schema=False)
Code = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,40}$")]


@router.get("")
async def ask(request: Request, pages: PagesDep, code: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The form for a code; a code that could be one is looked up at its own address."""
    asked = code.strip().upper().replace(" ", "-")
    if asked and len(asked) <= 40 and asked.isascii() and asked.replace("-", "").isalnum():
        return RedirectResponse(f"/join/{asked}", 303)
    return pages.render(request, "join.html", 404 if code.strip() else 200, code=code, unknown=bool(code.strip()))


@router.get("/{code}")
async def show(code: Code, request: Request, api: ApiDep, pages: PagesDep) -> Response:
    try:
        return await _class_page(code, request, api, pages)
    except ApiRefused as refused:
        if refused.problem.status != 404:
            raise
    return pages.render(request, "join.html", 404, code=code, unknown=True)


async def _class_page(code: str, request: Request, api: Api, pages: Pages) -> Response:
    joined = await api.joined_class(code, request.client.host if request.client else None)
    workshop = await api.workshop(joined.workshop)
    return form_page(pages, request, workshop, Typed(join_code=code), joined=joined)

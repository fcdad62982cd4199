"""What a person does to his session, each a form on its page: every one comes back to that page, or says why not."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict

from wod_common.commands import WORKSHOP_PATTERN
from wod_frontend import browser_keys
from wod_frontend.api import ApiRefused
from wod_frontend.sessions import SessionDep, Token
from wod_frontend.state import ApiDep, PagesDep

router = APIRouter(prefix="/sessions", default_response_class=HTMLResponse, include_in_schema=False)
#: acts that the api-db may refuse for a reason that the page tells
ACTS = ("extend", "take", "credentials", "help")


class Act(BaseModel):
    """The fields of the small forms; each act reads its own."""

    model_config = ConfigDict(str_strip_whitespace=True)

    form_token: str = ""
    email: str = ""
    rating: int = 0
    text: str = ""
    wanted: str = ""
    then: str = ""


@router.post("/{token}/end")
async def end(token: Token, act: Annotated[Act, Form()], request: Request, api: ApiDep, pages: PagesDep) -> Response:
    """Ends, cancels or leaves the line; ``then`` is a workshop to go on with."""
    pages.guard.check(request, act.form_token)
    await api.act(token, "end")
    return RedirectResponse(f"/workshops/{act.then}" if is_workshop(act.then) else f"/sessions/{token}", 303)


@router.post("/{token}/address")
async def correct_address(
    token: Token, act: Annotated[Act, Form()], request: Request, api: ApiDep, session: SessionDep
) -> Response:
    """Only the browser that registered has the key for it."""
    session.pages.guard.check(request, act.form_token)
    try:
        corrected = await api.correct_address(token, act.email, browser_keys.key_for(request, token) or "-" * 32)
    except ApiRefused as refused:
        return await session.refused(refused, typed=act.email)
    response = RedirectResponse(f"/sessions/{corrected}", 303)
    browser_keys.forget(response)
    return response


@router.post("/{token}/feedback")
async def give_feedback(
    token: Token, act: Annotated[Act, Form()], request: Request, api: ApiDep, session: SessionDep
) -> Response:
    session.pages.guard.check(request, act.form_token)
    try:
        await api.give_feedback(token, act.rating, act.text)
    except ApiRefused as refused:
        return await session.refused(refused)
    return RedirectResponse(f"/sessions/{token}?done=feedback", 303)


@router.post("/{token}/badges/{badge}")
async def show_name(
    token: Token, badge: UUID, act: Annotated[Act, Form()], request: Request, api: ApiDep, pages: PagesDep
) -> Response:
    pages.guard.check(request, act.form_token)
    await api.show_name(token, badge, shown=act.wanted == "yes")
    return RedirectResponse(f"/sessions/{token}", 303)


@router.post("/{token}/erase")
async def erase(token: Token, act: Annotated[Act, Form()], request: Request, api: ApiDep, pages: PagesDep) -> Response:
    """The link is dead afterwards."""
    pages.guard.check(request, act.form_token)
    await api.erase(token)
    return pages.render(request, "erased.html")


@router.post("/{token}/{name}")
async def do(
    token: Token, name: str, act: Annotated[Act, Form()], request: Request, api: ApiDep, session: SessionDep
) -> Response:
    session.pages.guard.check(request, act.form_token)
    if name not in ACTS:
        return RedirectResponse(f"/sessions/{token}", 303)
    body: dict[str, Any] | None = {"wanted": act.wanted == "yes"} if name == "help" else None
    try:
        await api.act(token, name, body)
    except ApiRefused as refused:
        return await session.refused(refused)
    return RedirectResponse(f"/sessions/{token}?done={name}", 303)


def is_workshop(name: str) -> bool:
    """What is typed into a form must not choose where it leads."""
    return re.fullmatch(WORKSHOP_PATTERN, name) is not None

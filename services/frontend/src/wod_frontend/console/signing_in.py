"""Signing in and out, and one's own account."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from wod_frontend.api import ApiRefused
from wod_frontend.console.access import LIFETIME, RANKS, Operator, Rank, seats_of, way_back
from wod_frontend.console.backstage import Row, SignInRefused
from wod_frontend.console.desk import AnyDesk, backstage_of
from wod_frontend.console.provider import provider_of
from wod_frontend.state import PagesDep, pages_of

router = APIRouter(prefix="/console", default_response_class=HTMLResponse, include_in_schema=False)
Next = Annotated[str, Query(max_length=2000)]


def first_page(operator: Operator) -> str:
    return "/console" if operator.may(Rank.MODERATOR) else "/console/classes"


@router.get("/sign-in")
async def ask(request: Request, pages: PagesDep, next: Next = "/console", ended: str = "") -> Response:  # noqa: A002 - its name in the address
    if seats_of(request).read(request) is not None:
        return RedirectResponse(way_back(next), 303)
    return show(request, next, ended=bool(ended))


def show(
    request: Request, wanted: str, status: int = 200, *, username: str = "", refused: str = "", ended: bool = False
) -> Response:
    """``refused`` is ``wrong``, ``often``, ``role``, or ``provider`` where the sign-in elsewhere did not come to an end."""
    return pages_of(request).render(
        request,
        "console/sign_in.html",
        status,
        next=way_back(wanted),
        username=username,
        refused=refused,
        ended=ended,
        provider=provider_of(request),
    )


@router.post("/sign-in")
async def sign_in(
    request: Request,
    pages: PagesDep,
    username: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/console",  # noqa: A002 - as above
    form_token: Annotated[str, Form()] = "",
) -> Response:
    pages.guard.check(request, form_token)
    body = {"username": username.strip(), "password": password, "lifetime": int(LIFETIME.total_seconds())}
    visitor = request.client.host if request.client else None
    try:
        granted = await backstage_of(request).sign_in(body, visitor)
    except SignInRefused as error:
        response = show(
            request, next, error.status, username=username, refused="often" if error.status == 429 else "wrong"
        )
        if error.retry_after:
            response.headers["Retry-After"] = error.retry_after
        return response
    return enter(request, granted, next)


def enter(request: Request, granted: Row, wanted: str) -> Response:
    """The session begins: with a new cookie, and with new tokens for its forms."""
    if granted["role"] not in RANKS:
        return show(request, wanted, 403, username=granted["username"], refused="role")
    expires = datetime.now(UTC) + timedelta(seconds=granted["expires_in"])
    operator = Operator(
        username=granted["username"], role=granted["role"], token=granted["access_token"], expires_at=expires
    )
    goal = way_back(wanted)
    response = RedirectResponse(goal if goal != "/console" else first_page(operator), 303)
    seats_of(request).take(response, operator)
    guard = pages_of(request).guard
    guard.renew(request)
    guard.remember(request, response)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, pages: PagesDep, form_token: Annotated[str, Form()] = "") -> Response:
    pages.guard.check(request, form_token)
    response = RedirectResponse("/console/sign-in", 303)
    seats_of(request).leave(response)
    return response


@router.get("/me")
async def account(desk: AnyDesk) -> Response:
    return desk.page("me.html", errors={})


@router.post("/me/password")
async def change_password(
    desk: AnyDesk,
    old: Annotated[str, Form(max_length=200)] = "",
    new: Annotated[str, Form(max_length=200)] = "",
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """With another password every session of the account ends, this one too."""
    desk.check_form(form_token)
    try:
        await desk.api.call("POST", "/api/v1/accounts/me/password", json={"old": old, "new": new})
    except ApiRefused as refused:
        errors = {item.get("field", ""): item.get("message", "") for item in refused.problem.errors or []}
        return desk.page("me.html", refused.problem.status, errors=errors or {"": refused.problem.detail})
    return _ended(desk.request)


@router.post("/me/sign-out-everywhere")
async def sign_out_everywhere(desk: AnyDesk, form_token: Annotated[str, Form()] = "") -> Response:
    desk.check_form(form_token)
    await desk.api.call("POST", "/api/v1/accounts/me/sign-out")
    return _ended(desk.request)


def _ended(request: Request) -> Response:
    response = RedirectResponse("/console/sign-in?ended=1", 303)
    seats_of(request).leave(response)
    return response

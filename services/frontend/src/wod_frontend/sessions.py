"""The visitor's own page, from the first second to the farewell."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from wod_frontend import browser_keys
from wod_frontend.api import Api, ApiAway, ApiRefused
from wod_frontend.live import LiveStories
from wod_frontend.notebook import cells
from wod_frontend.pages import Pages
from wod_frontend.state import ApiDep, LiveDep, PagesDep
from wod_frontend.wire import FINAL, Registration, State, Workshop

router = APIRouter(prefix="/sessions", default_response_class=HTMLResponse, include_in_schema=False)
#: Checked because it becomes a part of the api-db's address: no slash, no dot at its start.
Token = Annotated[str, Path(pattern=r"^[0-9]{1,19}-[A-Za-z0-9_.~=-]{1,200}$")]
EventId = Annotated[int, Query(ge=0, le=2**63 - 1)]
KEEP_ALIVE_SECONDS = 15
#: Where nothing is left to wait for, the last page offers so many other workshops.
SUGGESTIONS = 3


@router.get("/{token}")
async def show(token: Token, request: Request, api: ApiDep, live: LiveDep, pages: PagesDep) -> Response:
    return await _page(token, request, api, live, pages)


async def _page(
    token: str,
    request: Request,
    api: Api,
    live: LiveStories,
    pages: Pages,
    *,
    refusal: str | None = None,
    typed: str = "",
) -> Response:
    """``refusal`` says why what was asked was not done; ``typed`` is the address that was."""
    shown = await _shown(token, request, api, live)
    status = 409 if refusal else 200
    return pages.render(request, "session.html", status, **shown, refusal=refusal, typed=typed, token=token)


@router.get("/{token}/fragment")
async def fragment(token: Token, request: Request, api: ApiDep, live: LiveDep, pages: PagesDep) -> Response:
    """The parts of the page that change, for its script."""
    shown = await _shown(token, request, api, live)
    return pages.render(request, "session_parts.html", **shown, refusal=None, typed="", token=token)


@router.post("/{token}/end")
async def end(
    token: Token, request: Request, api: ApiDep, pages: PagesDep, form_token: Annotated[str, Form()] = ""
) -> Response:
    pages.guard.check(request, form_token)
    await api.end(token)
    return RedirectResponse(f"/sessions/{token}", 303)


@router.post("/{token}/take")
async def take(
    token: Token,
    request: Request,
    api: ApiDep,
    live: LiveDep,
    pages: PagesDep,
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """The seat that was offered: a button, for mail programs open the links that they find."""
    pages.guard.check(request, form_token)
    try:
        await api.take(token)
    except ApiRefused as refused:
        if refused.problem.status != 409:
            raise
        return await _page(token, request, api, live, pages, refusal=refused.problem.detail)
    return RedirectResponse(f"/sessions/{token}", 303)


@router.post("/{token}/extend")
async def extend(
    token: Token,
    request: Request,
    api: ApiDep,
    live: LiveDep,
    pages: PagesDep,
    form_token: Annotated[str, Form()] = "",
) -> Response:
    pages.guard.check(request, form_token)
    try:
        await api.extend(token)
    except ApiRefused as refused:
        if refused.problem.status != 409:
            raise
        return await _page(token, request, api, live, pages, refusal=refused.problem.detail)
    return RedirectResponse(f"/sessions/{token}", 303)


@router.post("/{token}/address")
async def correct_address(
    token: Token,
    request: Request,
    api: ApiDep,
    live: LiveDep,
    pages: PagesDep,
    email: Annotated[str, Form(max_length=254)] = "",
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """Only the browser that registered has the key for it."""
    pages.guard.check(request, form_token)
    try:
        corrected = await api.correct_address(token, email.strip(), browser_keys.key_for(request, token) or "-" * 32)
    except ApiRefused as refused:
        if refused.problem.status not in {403, 409, 422}:
            raise
        return await _page(token, request, api, live, pages, refusal=refused.problem.detail, typed=email)
    response = RedirectResponse(f"/sessions/{corrected}", 303)
    browser_keys.forget(response)
    return response


@router.get("/{token}/stream")
async def stream(
    token: Token,
    api: ApiDep,
    live: LiveDep,
    after: EventId = 0,
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """Resumes behind ``Last-Event-ID``, else behind ``after``; 204 tells the browser not to come again."""
    seen = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else after
    registration = await api.registration(token)
    if registration.over and registration.last_event_id <= seen:
        return Response(status_code=204)
    return EventSourceResponse(_events(live, token, seen), ping=KEEP_ALIVE_SECONDS)


async def _events(live: LiveStories, token: str, after: int) -> AsyncIterator[ServerSentEvent]:
    async with live.watch(token) as story, aclosing(story.behind(after)) as events:
        async for event in events:
            yield ServerSentEvent(data=event.model_dump_json(), id=str(event.id))


async def _shown(token: str, request: Request, api: Api, live: LiveStories) -> dict[str, Any]:
    registration = await api.registration(token)
    story = await live.read(token, registration.last_event_id) if registration.last_event_id else []
    return {
        "registration": registration,
        "seen": story[-1].id if story else 0,
        "cells": cells(registration, story),
        "seconds_left": _seconds_left(registration),
        "correctable": registration.correctable and browser_keys.key_for(request, token) is not None,
        "suggestions": await _suggestions(registration, api),
    }


def _seconds_left(registration: Registration) -> float | None:
    if registration.ends_at is None or registration.state not in {State.RUNNING, State.EXPIRING}:
        return None
    return max(0.0, (registration.ends_at - datetime.now(UTC)).total_seconds())


async def _suggestions(registration: Registration, api: Api) -> list[Workshop]:
    if registration.state not in FINAL:
        return []
    try:
        others = [item for item in await api.workshops() if item.room and item.notebook != registration.workshop]
    except ApiAway:
        return []
    return others[:SUGGESTIONS]

"""The visitor's own page, from the first second to the farewell."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from wod_frontend.api import Api, ApiAway
from wod_frontend.live import LiveStories
from wod_frontend.notebook import cells
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
    shown = await _shown(token, api, live)
    return pages.render(request, "session.html", **shown, token=token)


@router.get("/{token}/fragment")
async def fragment(token: Token, request: Request, api: ApiDep, live: LiveDep, pages: PagesDep) -> Response:
    """The parts of the page that change, for its script."""
    shown = await _shown(token, api, live)
    return pages.render(request, "session_parts.html", **shown, token=token)


@router.post("/{token}/end")
async def end(
    token: Token, request: Request, api: ApiDep, pages: PagesDep, form_token: Annotated[str, Form()] = ""
) -> Response:
    pages.guard.check(request, form_token)
    await api.end(token)
    return RedirectResponse(f"/sessions/{token}", 303)


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


async def _shown(token: str, api: Api, live: LiveStories) -> dict[str, Any]:
    registration = await api.registration(token)
    story = await live.read(token, registration.last_event_id) if registration.last_event_id else []
    return {
        "registration": registration,
        "seen": story[-1].id if story else 0,
        "cells": cells(registration, story),
        "seconds_left": _seconds_left(registration),
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

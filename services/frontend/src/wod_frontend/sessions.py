"""The visitor's own page, from the first second to the farewell."""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from wod_common.commands import WORKSHOP_PATTERN
from wod_frontend import browser_keys
from wod_frontend.api import ApiAway, ApiRefused
from wod_frontend.language import gettext, later
from wod_frontend.live import LiveStories
from wod_frontend.notebook import cells
from wod_frontend.pages import Pages
from wod_frontend.refusals import in_own_words
from wod_frontend.state import ApiDep, LiveDep, PagesDep
from wod_frontend.wire import FINAL, Registration, State, Workshop

router = APIRouter(prefix="/sessions", default_response_class=HTMLResponse, include_in_schema=False)
#: Checked because it becomes a part of the api-db's address: no slash, no dot at its start.
Token = Annotated[str, Path(pattern=r"^[0-9]{1,19}-[A-Za-z0-9_.~=-]{1,200}$")]
_WORKSHOP = re.compile(WORKSHOP_PATTERN)
EventId = Annotated[int, Query(ge=0, le=2**63 - 1)]
KEEP_ALIVE_SECONDS = 15
#: Where nothing is left to wait for, the last page offers so many other workshops.
SUGGESTIONS = 3
#: what the page says after an act
DONE = {
    "credentials": later("The mail with your password is on its way once more."),
    "extend": later("You have more time."),
    "feedback": later("Thank you. What you wrote helps the next one."),
    "help": later("Noted."),
    "take": later("The seat is yours."),
}


class SessionPage:
    """The page of one registration, for this request."""

    def __init__(self, request: Request, api: ApiDep, live: LiveDep, pages: PagesDep) -> None:
        self._request = request
        self._api = api
        self._live = live
        self.pages: Pages = pages

    async def render(
        self, token: str, template: str = "session.html", status: int = 200, **said: str | None
    ) -> Response:
        """``refusal`` says why what was asked was not done, ``done`` that it was; ``typed`` is the address that was."""
        saying: dict[str, Any] = {"refusal": None, "done": None, "typed": "", "instead": ""} | said
        registration = await self._api.registration(token)
        story = await self._live.read(token, registration.last_event_id) if registration.last_event_id else []
        return self.pages.render(
            self._request,
            template,
            status,
            token=token,
            registration=registration,
            seen=story[-1].id if story else 0,
            cells=cells(registration, story),
            seconds_left=_seconds_left(registration),
            correctable=registration.correctable and browser_keys.key_for(self._request, token) is not None,
            **await self._farewell(token, registration),
            **saying,
        )

    async def refused(self, refused: ApiRefused, *, typed: str = "") -> Response:
        """The page again, with the reason. What is no refusal for the visitor is raised again."""
        if refused.problem.status not in {403, 409, 422}:
            raise refused
        token = self._request.path_params["token"]
        return await self.render(token, status=409, refusal=in_own_words(refused.problem), typed=typed)

    async def _farewell(self, token: str, registration: Registration) -> dict[str, Any]:
        """What the last page has beside: feedback as given, badges, other workshops."""
        ended = registration.state is State.ENDED
        return {
            "feedback": await self._api.feedback(token) if ended else None,
            "badges": await self._api.earned(token) if ended else [],
            "suggestions": await self._suggestions(registration),
        }

    async def _suggestions(self, registration: Registration) -> list[Workshop]:
        if registration.state not in FINAL:
            return []
        try:
            others = [
                item
                for item in await self._api.workshops()
                if item.room and not item.paused and item.notebook != registration.workshop
            ]
        except ApiAway:
            return []
        return others[:SUGGESTIONS]


async def _session_page(request: Request, api: ApiDep, live: LiveDep, pages: PagesDep) -> SessionPage:
    return SessionPage(request, api, live, pages)


SessionDep = Annotated[SessionPage, Depends(_session_page)]


@router.get("/{token}")
async def show(token: Token, session: SessionDep, done: str = "", instead: str = "") -> Response:
    """``instead`` is the workshop that its holder tried to register for while this one is his."""
    said = gettext(DONE[done]) if done in DONE else None
    return await session.render(token, done=said, instead=instead if _WORKSHOP.fullmatch(instead) else "")


@router.get("/{token}/fragment")
async def fragment(token: Token, session: SessionDep) -> Response:
    """The parts of the page that change, for its script."""
    return await session.render(token, "session_parts.html")


@router.get("/{token}/calendar.ics")
async def calendar(token: Token, api: ApiDep) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="lab.ics"'}
    return Response(await api.calendar(token), media_type="text/calendar", headers=headers)


@router.get("/{token}/data.json")
async def data(token: Token, api: ApiDep) -> Response:
    """All that is held of the person, to keep."""
    headers = {"Content-Disposition": 'attachment; filename="my-data.json"'}
    return Response(await api.data(token), media_type="application/json", headers=headers)


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


def _seconds_left(registration: Registration) -> float | None:
    if registration.ends_at is None or registration.state not in {State.RUNNING, State.EXPIRING}:
        return None
    return max(0.0, (registration.ends_at - datetime.now(UTC)).total_seconds())

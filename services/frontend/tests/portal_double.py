"""The api-db as the portal sees it: real HTTP, scripted rows."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from services.frontend.tests.portal_rows import (
    BADGE,
    BROWSER_KEY,
    CODE,
    JOINED,
    OPTOUT,
    SPECIAL,
    START,
    TOKEN,
    AlreadyRegistered,
    Full,
    registration,
    workshop,
)

from wod_api_db.badges.schemas import BadgeView
from wod_api_db.feedback.schemas import FeedbackRequest
from wod_api_db.registrations.schemas import (
    AddressCorrection,
    EventView,
    NewRegistrationView,
    RegistrationRequest,
    RegistrationView,
)
from wod_api_db.workshops.schemas import WorkshopList, WorkshopView
from wod_common.problems import Forbidden, NotFound, Unprocessable, add_problem_handlers

__all__ = [
    "BADGE",
    "BROWSER_KEY",
    "CODE",
    "JOINED",
    "OPTOUT",
    "SPECIAL",
    "START",
    "TOKEN",
    "AlreadyRegistered",
    "ApiDouble",
    "Full",
    "api_app",
    "registration",
    "workshop",
]


class ApiDouble:
    """Rows that a test sets, and the story of the one registration; ``happen`` moves both."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.workshops = [workshop()]
        self.view = registration()
        self.story: list[EventView] = []
        self.requests: list[RegistrationRequest] = []
        #: the addresses of those who registered
        self.visitors: list[str | None] = []
        self.corrections: list[str] = []
        self.refusal: Exception | None = None
        self.away = False
        self.popular: list[str] = []
        self.feedback: dict[str, Any] | None = None
        self.earned: list[dict[str, Any]] = []
        #: what the answer holds beside the view
        self.beside: dict[str, Any] = {}
        #: how often the whole catalogue was answered
        self.catalogue_sent = 0
        #: what was asked for with each registration, also what a later api-db would know
        self.bodies: list[dict[str, Any]] = []
        #: what was done to the registration
        self.acts: list[str] = []
        self.ended = 0
        self.unsubscribed: list[str] = []
        self.badge = BADGE
        #: where the picture is that the workshop brings
        self.brought = ""
        #: what every badge looks like; where it is empty its kind stands for it
        self.picture = ""
        #: Last-Event-ID of every event stream that was opened
        self.streams: list[int] = []
        self._open: set[object] = set()
        self._cut = asyncio.Event()
        self._changed = asyncio.Event()

    def happen(self, kind: str, state: str = "deploying", /, after: float = 1.0, **data: Any) -> None:
        """The next row of the story, ``after`` seconds behind the one before."""
        before = self.story[-1].at if self.story else START
        number = len(self.story) + 1
        if kind in {"command-sent", "accepted", "progress"}:
            data.setdefault("verb", "CREATE")
        row = {"id": number, "at": before + timedelta(seconds=after), "type": kind, "state": state, "data": data}
        self.story.append(EventView.model_validate(row))
        self.become(state=state, last_event_id=number)

    def become(self, **changes: Any) -> None:
        self.view = RegistrationView.model_validate(self.view.model_dump() | changes)
        self._wake()

    def stand_in_line(self, state: str, **line: Any) -> None:
        """As one that waits, or is offered a seat."""
        before = {
            "place": 3,
            "length": 7,
            "counted_to": 300,
            "moved_at": None,
            "waited_seconds": 2700,
            "offer_ends_at": None,
        }
        self.beside = {"line": before | line}
        self.become(state=state)

    def drawn(self, kind: str, headers: dict[str, str] | None = None) -> Response:
        if self.picture:
            return Response(self.picture, 200, headers, "image/svg+xml")
        return Response(f"drawn as {kind}", 200, headers, f"image/{kind}")

    def cut_streams(self) -> None:
        self._cut.set()
        self._cut = asyncio.Event()
        self._wake()

    @property
    def open_streams(self) -> int:
        return len(self._open)

    async def open_exactly(self, number: int) -> None:
        while self.open_streams != number:
            await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def stream(self, after: int) -> AsyncIterator[str]:
        self.streams.append(after)
        # of this test: one that the test before has left open closes later, and must not count here
        cut, streams, this = self._cut, self._open, object()
        streams.add(this)
        self._wake()
        try:
            yield ": welcome\n\n"
            while not cut.is_set():
                changed = self._changed
                for event in [event for event in self.story if event.id > after]:
                    after = event.id
                    yield f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"
                if self.view.cleaned:
                    return
                await changed.wait()
        finally:
            streams.discard(this)
            self._wake()


def api_app(double: ApiDouble) -> FastAPI:
    app = FastAPI()
    add_problem_handlers(app)

    @app.middleware("http")
    async def away(request: Request, call_next: Any) -> Any:
        return JSONResponse({}, 503) if double.away else await call_next(request)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    app.include_router(_workshops(double), prefix="/api/v1/workshops")
    app.include_router(_changes(double), prefix="/api/v1/registrations")
    app.include_router(_registrations(double), prefix="/api/v1/registrations")
    app.include_router(_asked(double), prefix="/api/v1/registrations")

    @app.post("/api/v1/mails/unsubscribe/{token}")
    async def unsubscribe(token: str) -> dict[str, bool]:
        if token != OPTOUT:
            raise NotFound("no such link")
        double.unsubscribed.append(token)
        return {"unsubscribed": True}

    app.include_router(_badges(double), prefix="/api/v1/badges")

    @app.get("/api/v1/statistics/public")
    async def figures() -> dict[str, int]:
        return {"registrations": 4212, "persons": 2986, "workshops_active": 1, "sessions_running": 18}

    @app.get("/api/v1/special-badges")
    async def special() -> dict[str, Any]:
        return {"items": [SPECIAL]}

    @app.get("/api/v1/special-badges/{number}/image.{kind}")
    async def special_picture(number: int, kind: str) -> Response:
        return double.drawn(kind)

    @app.get("/api/v1/join/{code}")
    async def join(code: str) -> dict[str, Any]:
        if code != CODE:
            raise NotFound("no such class")
        return JOINED

    return app


def _workshops(double: ApiDouble) -> APIRouter:
    router = APIRouter()

    @router.get("")
    async def workshops(if_none_match: Annotated[str | None, Header()] = None) -> Response:
        body = WorkshopList(items=double.workshops).model_dump_json()
        etag = f'"{hashlib.sha256(body.encode()).hexdigest()}"'
        if if_none_match == etag:
            return Response(status_code=304, headers={"ETag": etag})
        double.catalogue_sent += 1
        return Response(body, media_type="application/json", headers={"ETag": etag})

    @router.get("/popular")
    async def popular() -> dict[str, list[str]]:
        return {"items": double.popular}

    @router.get("/{notebook}/badge.{kind}")
    async def badge(notebook: str, kind: str) -> Response:
        return double.drawn(kind)

    @router.get("/{notebook}")
    async def one(notebook: str) -> WorkshopView:
        for row in double.workshops:
            if row.notebook == notebook:
                return row
        raise NotFound("no such workshop")

    return router


def _badges(double: ApiDouble) -> APIRouter:
    router = APIRouter()

    @router.get("/{token}")
    async def show(token: UUID) -> BadgeView:
        if token != BADGE.token:
            raise NotFound("no such badge")
        return double.badge

    @router.get("/{token}/image.{kind}")
    async def picture(token: UUID, kind: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        if token != BADGE.token:
            raise NotFound("no such badge")
        if double.brought:
            return RedirectResponse(double.brought)
        headers = {"ETag": f'"of-{kind}"', "Cache-Control": "public, max-age=3600"}
        if if_none_match == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return double.drawn(kind, headers)

    return router


def _known(token: str) -> None:
    if token != TOKEN:
        raise NotFound("no such registration")


def _changes(double: ApiDouble) -> APIRouter:
    router = APIRouter()

    @router.post("/{token}/extend")
    async def extend(token: str) -> RegistrationView:
        _known(token)
        if double.refusal:
            raise double.refusal
        double.become(extension_seconds=None)
        return double.view

    @router.post("/{token}/address")
    async def correct(token: str, body: AddressCorrection) -> RegistrationView:
        _known(token)
        if double.refusal:
            raise double.refusal
        if body.browser_key != BROWSER_KEY:
            raise Forbidden("only the browser that registered may correct the address")
        double.corrections.append(body.email)
        double.become(correctable=False)
        return double.view

    return router


def _registrations(double: ApiDouble) -> APIRouter:
    router = APIRouter()

    @router.post("", status_code=201)
    async def register(
        body: RegistrationRequest, request: Request, x_forwarded_for: Annotated[str | None, Header()] = None
    ) -> NewRegistrationView:
        double.requests.append(body)
        double.bodies.append(await request.json())
        double.visitors.append(x_forwarded_for)
        if double.refusal:
            raise double.refusal
        if "@" not in body.email:
            raise Unprocessable("bad address", errors=[{"field": "email", "message": "There is no @ in it."}])
        return NewRegistrationView(**double.view.model_dump(), browser_key=BROWSER_KEY)

    @router.get("/{token}")
    async def show(token: str) -> JSONResponse:
        _known(token)
        return JSONResponse(double.view.model_dump(mode="json") | double.beside)

    @router.get("/{token}/events")
    async def events(token: str, request: Request) -> StreamingResponse:
        _known(token)
        after = int(request.headers.get("last-event-id", "0"))
        return StreamingResponse(double.stream(after), media_type="text/event-stream")

    @router.post("/{token}/end")
    async def end(token: str) -> RegistrationView:
        _known(token)
        double.ended += 1
        double.happen("ended", "ended", by="person")
        return double.view

    return router


def _asked(double: ApiDouble) -> APIRouter:
    """What a person may ask for beside changing the session."""
    router = APIRouter()

    @router.get("/{token}/feedback")
    async def feedback(token: str) -> dict[str, Any]:
        _known(token)
        if double.feedback is None:
            raise NotFound("none was given")
        return double.feedback

    @router.put("/{token}/feedback")
    async def give(token: str, body: FeedbackRequest) -> dict[str, Any]:
        _known(token)
        double.feedback = body.model_dump()
        return double.feedback

    @router.get("/{token}/badges")
    async def earned(token: str) -> dict[str, Any]:
        _known(token)
        return {"items": double.earned}

    @router.get("/{token}/calendar.ics")
    async def calendar(token: str) -> Response:
        _known(token)
        return Response("BEGIN:VCALENDAR", media_type="text/calendar")

    @router.delete("/{token}/data")
    async def erase(token: str) -> dict[str, str]:
        _known(token)
        double.acts.append("erase")
        return {}

    @router.post("/{token}/{act}", include_in_schema=False)
    async def act(token: str, act: str, request: Request) -> RegistrationView:
        _known(token)
        if act not in {"credentials", "help", "take"}:
            raise NotFound("no such act")
        if double.refusal:
            raise double.refusal
        double.acts.append(act)
        return double.view

    return router

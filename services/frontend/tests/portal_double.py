"""The api-db as the portal sees it: real HTTP, scripted rows."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

from wod_api_db.badges.schemas import BadgeView
from wod_api_db.registrations.schemas import (
    AddressCorrection,
    EventView,
    NewRegistrationView,
    RegistrationRequest,
    RegistrationView,
)
from wod_api_db.workshops.schemas import WorkshopList, WorkshopView
from wod_common.problems import Conflict, Forbidden, NotFound, Unprocessable, add_problem_handlers

TOKEN = "41-c2lnbmVkLWJ5LXRoZS1hcGk"
OPTOUT = "41-dGhlLWxpbmstaW4tYS1tYWls"
BROWSER_KEY = "k" * 32
BADGE = BadgeView(
    token=UUID("0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11"),
    workshop="WKSHP-API101",
    special_badge=None,
    name="API 101: speak REST fluently",
    description="Call real services & read their answers.",
    awarded_at=datetime(2026, 11, 23, 18, 30, tzinfo=UTC),
    finished=4,
    shown_name="",
    image="/api/v1/badges/0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11/image.svg",
)
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Full(Conflict):
    type = "workshop-full"


class AlreadyRegistered(Conflict):
    type = "already-registered"


def workshop(notebook: str = "WKSHP-API101", **changes: Any) -> WorkshopView:
    row: dict[str, Any] = {
        "notebook": notebook,
        "name": "API 101: speak REST fluently",
        "description": "Call real services, read their answers, and build a small client of your own.",
        "category": ["Open Source"],
        "duration_seconds": 7200,
        "presenter": "Ada Martin",
        "role": "Developer advocate",
        "avatar": "",
        "image": "",
        "replay_link": "",
        "priority": 1,
        "session_type": "Workshops-on-Demand",
        "active": True,
        "room": 6,
        "seats": 6,
        "waiting": 0,
        "pre_requisite": "",
        "paused": None,
        "extensions": 1,
        "extension_seconds": 3600,
        "created_at": START,
    }
    return WorkshopView.model_validate(row | changes)


def registration(**changes: Any) -> RegistrationView:
    row: dict[str, Any] = {
        "id": 41,
        "token": TOKEN,
        "state": "registered",
        "workshop": "WKSHP-API101",
        "workshop_name": "API 101: speak REST fluently",
        "name": "Grace",
        "username": "student7",
        "location": "Grenoble",
        "lab_url": "http://lab.test/hub/user-redirect/lab",
        "created_at": START,
        "running_since": None,
        "ends_at": None,
        "ended_at": None,
        "duration_seconds": 7200,
        "completion": None,
        "cleaned": False,
        "message": "Your seat is taken; the lab is next.",
        "line": None,
        "ready_in_seconds": None,
        "waiting_before": None,
        "extension_seconds": None,
        "mail_trouble": None,
        "announcement": None,
        "correctable": True,
        "class_id": None,
        "help_wanted_at": None,
        "last_event_id": 0,
    }
    return RegistrationView.model_validate(row | changes)


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
        self.ended = 0
        self.unsubscribed: list[str] = []
        self.badge = BADGE
        #: the picture that the workshop brings
        self.brought = ""
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
    app.include_router(_registrations(double), prefix="/api/v1/registrations")

    @app.post("/api/v1/mails/unsubscribe/{token}")
    async def unsubscribe(token: str) -> dict[str, bool]:
        if token != OPTOUT:
            raise NotFound("no such link")
        double.unsubscribed.append(token)
        return {"unsubscribed": True}

    app.include_router(_badges(double), prefix="/api/v1/badges")
    app.include_router(_changes(double), prefix="/api/v1/registrations")
    return app


def _workshops(double: ApiDouble) -> APIRouter:
    router = APIRouter()

    @router.get("")
    async def workshops() -> WorkshopList:
        return WorkshopList(items=double.workshops)

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
        return Response(f"drawn as {kind}", media_type=f"image/{kind}", headers=headers)

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
        body: RegistrationRequest, x_forwarded_for: Annotated[str | None, Header()] = None
    ) -> NewRegistrationView:
        double.requests.append(body)
        double.visitors.append(x_forwarded_for)
        if double.refusal:
            raise double.refusal
        if "@" not in body.email:
            raise Unprocessable("bad address", errors=[{"field": "email", "message": "There is no @ in it."}])
        return NewRegistrationView(**double.view.model_dump(), browser_key=BROWSER_KEY)

    @router.get("/{token}")
    async def show(token: str) -> RegistrationView:
        _known(token)
        return double.view

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

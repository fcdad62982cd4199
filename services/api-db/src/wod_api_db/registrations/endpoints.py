"""Registrations over REST."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from wod_api_db.app_state import DenyListDep, NotificationsDep, SessionsDep, SettingsDep
from wod_api_db.classes.guesses import CodeGuessesDep
from wod_api_db.db import ImmediateSessionDep, SessionDep
from wod_api_db.limits import LimitedRegistration
from wod_api_db.registrations import changing, lifecycle, service
from wod_api_db.registrations.errors import (
    AlreadyRegistered,
    CorrectionRefused,
    ExtensionRefused,
    WorkshopFull,
    WorkshopUnknown,
)
from wod_api_db.registrations.following import story
from wod_api_db.registrations.models import RegistrationEvent
from wod_api_db.registrations.schemas import (
    AddressCorrection,
    EventView,
    NewRegistrationView,
    RegistrationRequest,
    RegistrationView,
)
from wod_api_db.registrations.views import new_view, view
from wod_api_db.waiting import taking
from wod_api_db.waiting.errors import OfferGone
from wod_common.problems import MEDIA_TYPE, Forbidden, NotFound, Problem, TooManyRequests, Unprocessable, responses

router = APIRouter(prefix="/api/v1/registrations", tags=["registrations"])


@router.post(
    "",
    status_code=201,
    response_model=NewRegistrationView,
    dependencies=[LimitedRegistration],
    responses=responses(WorkshopUnknown, Unprocessable, WorkshopFull, TooManyRequests),
)
async def register(
    request: RegistrationRequest,
    session: ImmediateSessionDep,
    settings: SettingsDep,
    deny: DenyListDep,
    guesses: CodeGuessesDep,
    idempotency_key: Annotated[
        str | None, Header(pattern=r"^[!-~]{16,200}$", description="The same request with the same key counts once")
    ] = None,
) -> NewRegistrationView | Response:
    """Register for a workshop: the seat, the welcome mail and the deployment follow from this one call.

    With ``wait``, and where there is no room: the answer's state is ``waiting``, and a mail offers the next seat.
    """
    with guesses.counted(of=request.join_code):
        registration = await service.register(session, request, settings, deny, idempotency_key=idempotency_key)
    if isinstance(registration, service.AlreadyHeld):
        # an answer, not an exception: the reminder that was queued must be committed
        return _answer(AlreadyRegistered("this address has a session already; the way to it is on its way by mail"))
    return new_view(registration, settings)


def _answer(problem: Problem) -> JSONResponse:
    details = problem.details()
    return JSONResponse(details.model_dump(exclude_none=True), details.status, media_type=MEDIA_TYPE)


@router.get("/{token}", responses=responses(NotFound))
async def show(token: str, session: SessionDep, settings: SettingsDep) -> RegistrationView:
    """The registration behind a personal token."""
    registration = await service.by_token(session, token, settings)
    return await view(session, registration, settings)


@router.post("/{token}/end", responses=responses(NotFound))
async def end(token: str, session: SessionDep, settings: SettingsDep) -> RegistrationView:
    """Ends the session, cancels it while the lab is not ready, or leaves the line; again, it answers how things stand."""
    registration = await service.by_token(session, token, settings, lock=True)
    await lifecycle.end(session, registration, reason="person")
    await session.refresh(registration, ["ended_at"])  # the database's clock set it
    return await view(session, registration, settings)


@router.post("/{token}/take", responses=responses(NotFound, OfferGone))
async def take(token: str, session: ImmediateSessionDep, settings: SettingsDep) -> RegistrationView:
    """Takes the seat that is offered to who waited for it; again, it answers how things stand."""
    registration = await service.by_token(session, token, settings)
    await taking.take(session, registration, settings)
    session.expire_all()  # the database has changed the row beside the session
    return await view(session, await service.by_token(session, token, settings), settings)


@router.post("/{token}/extend", responses=responses(NotFound, ExtensionRefused))
async def extend(token: str, session: SessionDep, settings: SettingsDep) -> RegistrationView:
    """Gives a running session more time, within the workshop's policy and while there is room."""
    registration = await service.by_token(session, token, settings, lock=True)
    await changing.extend(session, registration)
    return await view(session, registration, settings)


@router.post("/{token}/address", responses=responses(NotFound, Forbidden, CorrectionRefused))
async def correct_address(
    token: str, request: AddressCorrection, session: SessionDep, settings: SettingsDep, deny: DenyListDep
) -> RegistrationView:
    """Corrects a mistyped address, once; the answer holds the new personal token, the old one opens nothing any more."""
    registration = await service.by_token(session, token, settings, lock=True)
    await changing.correct_address(session, registration, request, settings, deny)
    return await view(session, registration, settings)


@router.get("/{token}/events", response_class=EventSourceResponse, responses=responses(NotFound))
async def events(
    token: str,
    sessions: SessionsDep,
    settings: SettingsDep,
    notifications: NotificationsDep,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> EventSourceResponse:
    """The story as server-sent events, from the first or behind ``Last-Event-ID``, until the seat is given back."""
    async with sessions() as session:
        registration = await service.by_token(session, token, settings)

    async def stream() -> AsyncIterator[ServerSentEvent]:
        async for event in story(sessions, notifications, registration.id, last_event_id):
            yield _sent(event)

    return EventSourceResponse(stream(), ping=15)


def _sent(event: RegistrationEvent) -> ServerSentEvent:
    shown = EventView(id=event.id, at=event.at, type=event.type, state=event.state, data=event.data)
    return ServerSentEvent(id=str(event.id), event=event.type, data=shown.model_dump_json())

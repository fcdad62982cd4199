"""Classes over REST, for those who teach them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.dependencies import Instructor
from wod_api_db.accounts.tokens import Claims
from wod_api_db.app_state import DenyListDep, SettingsDep
from wod_api_db.classes import inviting, joining, repository, service, views
from wod_api_db.classes.errors import ClassDoesNotFit
from wod_api_db.classes.listing import Conditions
from wod_api_db.classes.models import Class
from wod_api_db.classes.roster import LARGEST
from wod_api_db.classes.schemas import (
    EXAMPLE,
    ClassChange,
    ClassView,
    InvitationList,
    NewClass,
    ParticipantList,
    RosterAnswer,
    SpeakerRequest,
)
from wod_api_db.db import ImmediateSessionDep, SessionDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.raw_bodies import OtherMediaType, TooLarge, raw_body, read_body
from wod_api_db.registrations.schemas import NewRegistrationView
from wod_api_db.registrations.service import AlreadyHeld
from wod_api_db.registrations.views import new_view
from wod_api_db.settings import Settings
from wod_common.problems import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/classes", tags=["classes"])
ClassId = Annotated[int, Path(ge=1, le=2**31 - 1)]
ParticipantId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The registration's id")]
_READS = responses(Unauthorized, Forbidden, NotFound)
_CHANGES = responses(Unauthorized, Forbidden, NotFound, Conflict, Unprocessable)
_BOOKS = _CHANGES | responses(ClassDoesNotFit)


@router.get("", responses=page_example(EXAMPLE) | responses(Unauthorized, Forbidden, Unprocessable))
async def list_classes(
    session: SessionDep, settings: SettingsDep, position: PositionDep, conditions: Conditions
) -> Page[ClassView]:
    """Classes, the latest booked first: an instructor's own; all of them for a moderator or an admin."""
    rows, following = await page_of(session, repository.listed(conditions), Class.id, position)
    found = await repository.all_of(session, [row.id for row in rows])
    return Page(items=[views.view(row, settings) for row in found], next=following)


@router.post("", status_code=201, responses=_BOOKS)
async def book_class(new: NewClass, session: SessionDep, settings: SettingsDep, claims: Instructor) -> ClassView:
    """Books the seats. What does not fit is refused with ``alternatives``: the nearest times and places that do."""
    class_id = await service.book(session, claims, new)
    return await _shown(session, settings, claims, class_id)


@router.get("/{class_id}", responses=_READS)
async def show_class(class_id: ClassId, session: SessionDep, settings: SettingsDep, claims: Instructor) -> ClassView:
    """One class, with how many are in, whose labs stand ready, and who wants help."""
    return await _shown(session, settings, claims, class_id)


@router.patch("/{class_id}", responses=_BOOKS)
async def change_class(
    class_id: ClassId, change: ClassChange, session: SessionDep, settings: SettingsDep, claims: Instructor
) -> ClassView:
    """Another title, number of seats, start or end. A later end extends every lab; who is invited hears of other times."""
    await service.change(session, claims, class_id, change)
    return await _shown(session, settings, claims, class_id)


@router.post("/{class_id}/open", responses=_BOOKS)
async def open_class(class_id: ClassId, session: SessionDep, settings: SettingsDep, claims: Instructor) -> ClassView:
    """Starts all: labs are made and participants let in from now on, ahead of the time. Repeatable."""
    await service.open_now(session, claims, class_id)
    return await _shown(session, settings, claims, class_id)


@router.post("/{class_id}/code", responses=_CHANGES)
async def replace_code(class_id: ClassId, session: SessionDep, settings: SettingsDep, claims: Instructor) -> ClassView:
    """Another join code, for one that has leaked: the old one lets nobody in any more, and who is in stays in.

    Whoever is invited gets the new one by mail.
    """
    await service.replace_code(session, claims, class_id)
    return await _shown(session, settings, claims, class_id)


@router.post("/{class_id}/end", responses=_CHANGES)
async def end_class(class_id: ClassId, session: SessionDep, settings: SettingsDep, claims: Instructor) -> ClassView:
    """Ends all: every lab, and the booking. Before the start it cancels the class, and tells who is invited."""
    await service.end_by_hand(session, claims, class_id)
    return await _shown(session, settings, claims, class_id)


@router.get("/{class_id}/participants", responses=_READS)
async def list_participants(class_id: ClassId, session: SessionDep, claims: Instructor) -> ParticipantList:
    """Who is in or was, how far each is, and who wants help."""
    await service.get(session, claims, class_id)
    rows = await repository.participants(session, class_id)
    return ParticipantList(items=[views.participant(row) for row in rows])


@router.post("/{class_id}/participants/{registration_id}/help-done", status_code=204, responses=_READS)
async def help_done(
    class_id: ClassId, registration_id: ParticipantId, session: SessionDep, claims: Instructor
) -> Response:
    """The participant has been helped. Repeatable."""
    await joining.help_done(session, claims, class_id, registration_id)
    return Response(status_code=204)


async def _roster(request: Request) -> bytes:
    return await read_body(request, "text/csv", LARGEST, "a class's roster is a few lines; divide it")


_ROSTER_BODY = raw_body("text/csv", example="email,name\r\nada@example.org,Ada Martin\r\n")


@router.post("/{class_id}/roster", openapi_extra=_ROSTER_BODY, responses=_CHANGES | responses(TooLarge, OtherMediaType))
async def upload_roster(
    class_id: ClassId,
    session: SessionDep,
    claims: Instructor,
    deny: DenyListDep,
    raw: Annotated[bytes, Depends(_roster)],
    dry_run: Annotated[bool, Query(description="Read it and change nothing")] = False,
) -> RosterAnswer:
    """Invites everybody on it who is not invited yet, by mail with a calendar file.

    CSV with a line for each person, and a first one that names the columns ``email`` and ``name``. While a line is
    broken nobody is invited: ``errors`` has each with its number, value and message.
    """
    return await inviting.take(session, claims, class_id, raw, deny, dry_run=dry_run)


@router.get("/{class_id}/invitations", responses=_READS)
async def list_invitations(class_id: ClassId, session: SessionDep, claims: Instructor) -> InvitationList:
    """The roster, with what became of each mail and who has joined."""
    await service.get(session, claims, class_id)
    return InvitationList(items=[views.invitation(*row) for row in await repository.invitations(session, class_id)])


@router.post("/{class_id}/speaker", status_code=201, responses=_CHANGES)
async def take_speakers_seat(
    class_id: ClassId,
    request: SpeakerRequest,
    session: ImmediateSessionDep,
    settings: SettingsDep,
    deny: DenyListDep,
    claims: Instructor,
) -> NewRegistrationView:
    """A lab for whoever speaks, on the last seat of the range where that is free; the way to it goes to the account's address."""
    made = await joining.speak(session, claims, class_id, request, settings, deny)
    if isinstance(made, AlreadyHeld):
        raise Conflict("your address has a session already; end that one first, the way to it is in your mail")
    return new_view(made, settings)


async def _shown(session: AsyncSession, settings: Settings, claims: Claims, class_id: int) -> ClassView:
    return views.view(await service.get(session, claims, class_id), settings)

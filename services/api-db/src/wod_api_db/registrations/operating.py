"""Registrations over REST, for operators."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator, AwareDatetime
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.audit.service import record
from wod_api_db.db import SessionDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.registrations import changing, lifecycle, repository
from wod_api_db.registrations.addresses import AddressDenied, address_key
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.operating_schemas import (
    EXAMPLE,
    EndRequest,
    ExtendRequest,
    MailView,
    RegistrationDetails,
    RegistrationRow,
)
from wod_api_db.registrations.schemas import EventView, RegistrationState
from wod_api_db.searching import Wanted
from wod_api_db.workshops.models import Workshop
from wod_common.commands import WorkshopName
from wod_common.problems import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/registrations", tags=["registrations"])
RegistrationId = Annotated[int, Path(ge=1, le=2**63 - 1)]
#: PostgreSQL's calendar ends elsewhere than Python's: what lies far from both ends is in both
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _sensible(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"a moment between the years {EARLIEST.year} and {LATEST.year} is meant")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_sensible)]


async def _conditions(  # noqa: PLR0913, PLR0917 - one for each thing that a list is narrowed down by
    wanted: Wanted = None,
    state: RegistrationState | None = None,
    workshop: Annotated[WorkshopName | None, Query(description="The folder's name")] = None,
    location: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    email: Annotated[str | None, Query(max_length=254, description="The whole address")] = None,
    since: Annotated[Moment | None, Query(description="Registered then or later")] = None,
    until: Annotated[Moment | None, Query(description="Registered before")] = None,
    student: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="The seat's global id")] = None,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted is not None:
        conditions.append(repository.found_by(wanted))
    if student is not None:
        conditions.append(Registration.student_id == student)
    if state is not None:
        conditions.append(Registration.state == state)
    if workshop is not None:
        conditions.append(Registration.workshop_id == _id_of(workshop))
    if location is not None:
        conditions.append(Registration.location_id == location)
    if email is not None:
        conditions.append(Registration.email_key == _key_of(email))
    if since is not None:
        conditions.append(Registration.created_at >= since)
    if until is not None:
        conditions.append(Registration.created_at < until)
    return conditions


Conditions = Annotated[list[ColumnElement[bool]], Depends(_conditions)]


@router.get("", responses=page_example(EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_registrations(
    session: SessionDep, _: Moderator, position: PositionDep, conditions: Conditions
) -> Page[RegistrationRow]:
    """Registrations, the latest first."""
    query = repository.whole().where(*conditions)
    rows, following = await page_of(session, query, Registration.id, position)
    return Page(items=[_row(row) for row in rows], next=following)


@router.get("/by-id/{registration_id}", responses=responses(Unauthorized, Forbidden, NotFound))
async def show_registration(registration_id: RegistrationId, session: SessionDep, _: Moderator) -> RegistrationDetails:
    """One registration with its whole story and what became of its mails."""
    registration = _found(await repository.read(session, registration_id), registration_id)
    return await _details(session, registration)


@router.post("/by-id/{registration_id}/end", responses=responses(Unauthorized, Forbidden, NotFound, Conflict))
async def end_registration(
    registration_id: RegistrationId, request: EndRequest, session: SessionDep, moderator: Moderator
) -> RegistrationDetails:
    """Ends a session, or cancels it while the lab is not ready."""
    registration = _found(await repository.lock(session, registration_id), registration_id)
    if registration.ended_at is not None:
        raise Conflict(f"registration {registration_id} is {registration.state} already")
    await lifecycle.end(session, registration, reason="operator")
    await session.refresh(registration, ["ended_at"])  # the database's clock set it
    await record(session, moderator, "registration.end", "registration", registration_id, reason=request.reason)
    return await _details(session, registration)


@router.post("/by-id/{registration_id}/extend", responses=responses(Unauthorized, Forbidden, NotFound, Conflict))
async def extend_registration(
    registration_id: RegistrationId, request: ExtendRequest, session: SessionDep, moderator: Moderator
) -> RegistrationDetails:
    """Gives a session more time, beyond what the workshop grants and also where others wait for the seat."""
    registration = _found(await repository.lock(session, registration_id), registration_id)
    await changing.give_time(session, registration, timedelta(minutes=request.minutes))
    asked = request.model_dump()
    await record(session, moderator, "registration.extend", "registration", registration_id, **asked)
    return await _details(session, registration)


def _found(registration: Registration | None, registration_id: int) -> Registration:
    """Raises NotFound."""
    if registration is None:
        raise NotFound(f"no registration has the id {registration_id}; GET /api/v1/registrations lists them")
    return registration


def _key_of(email: str) -> str:
    """Raises Unprocessable."""
    try:
        return address_key(email)
    except AddressDenied as error:
        raise Unprocessable(f"email: {error}", errors=[{"field": "email", "message": str(error)}]) from error


def _id_of(notebook: str) -> ColumnElement[int]:
    return select(Workshop.id).where(Workshop.notebook == notebook).scalar_subquery()


def _row(registration: Registration) -> RegistrationRow:
    return RegistrationRow(
        id=registration.id,
        state=registration.state,
        workshop=registration.workshop.notebook,
        location=registration.location.name if registration.location else "",
        student=registration.student.username if registration.student else "",
        student_id=registration.student_id,
        email=registration.email,
        created_at=registration.created_at,
        waiting_since=registration.waiting_since,
        offer_ends_at=registration.offer_ends_at,
        ends_at=registration.ends_at,
        completion=registration.known_completion,
        cleaned_at=registration.cleaned_at,
        failure=registration.failure,
    )


async def _details(session: AsyncSession, registration: Registration) -> RegistrationDetails:
    events = await repository.events_after(session, registration.id, 0)
    mails = await repository.mails_of(session, registration.id)
    return RegistrationDetails(
        **_row(registration).model_dump(),
        name=registration.name,
        company=registration.company,
        ended_at=registration.ended_at,
        end_reason=registration.end_reason,
        ready_at=registration.ready_at,
        clock_started_at=registration.clock_started_at,
        first_login_at=registration.first_login_at,
        extensions=registration.extensions,
        terms_version=registration.terms_version,
        events=[EventView(id=row.id, at=row.at, type=row.type, state=row.state, data=row.data) for row in events],
        mails=[MailView.model_validate(row) for row in mails],
    )

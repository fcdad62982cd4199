"""Registering for a workshop: everything in the caller's one transaction."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from wod_api_db.commands.issuing import issue
from wod_api_db.db import jobs_together
from wod_api_db.locations.models import Location
from wod_api_db.mail.outbox import queue_mail
from wod_api_db.pauses.service import pause_for
from wod_api_db.registrations import lifecycle, repository
from wod_api_db.registrations.addresses import Address, AddressDenied, DenyList, check_address
from wod_api_db.registrations.errors import RegistrationPaused, WorkshopFull, WorkshopNowhere, WorkshopUnknown
from wod_api_db.registrations.links import is_valid, registration_of
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationRequest, RegistrationState
from wod_api_db.settings import Settings
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Placement, Workshop
from wod_common.commands import Verb
from wod_common.problems import Conflict, NotFound, Unprocessable

#: An address that is registered already gets one mail that leads to its session, however often somebody tries.
REMINDER_GAP = timedelta(minutes=5)


@dataclass(frozen=True)
class AlreadyHeld:
    """The address holds another registration; its owner is sent the way to it, the caller learns nothing of it."""


@dataclass(frozen=True)
class Once:
    """What tells a request that is sent again from another one."""

    key: str
    request_hash: str

    @classmethod
    def of(cls, key: str | None, request: RegistrationRequest) -> "Once | None":
        return cls(key, hashlib.sha256(request.model_dump_json().encode()).hexdigest()) if key else None

    @property
    def columns(self) -> dict[str, object]:
        return {"idempotency_key": self.key, "request_hash": self.request_hash}


_NOT_ONCE = {"idempotency_key": None, "request_hash": None}


async def register(
    session: AsyncSession,
    request: RegistrationRequest,
    settings: Settings,
    deny: DenyList,
    *,
    idempotency_key: str | None = None,
) -> Registration | AlreadyHeld:
    """A request that comes again with its idempotency key is answered with the registration it made.

    Raises Unprocessable, WorkshopUnknown, RegistrationPaused, WorkshopNowhere and WorkshopFull.
    """
    address = checked_address(request.email, deny)
    once = Once.of(idempotency_key, request)
    if once and (made := await _made_before(session, once)):
        return made
    workshop = await _open_workshop(session, request.workshop)
    holder = await repository.holding(session, address.key)
    if holder is not None:
        return await _remind(session, holder)
    placement = await _find_room(session, workshop)
    values = _values(request, address, workshop, placement, settings) | (once.columns if once else _NOT_ONCE)
    seated = await repository.seat(session, placement, values)
    if seated is None:
        raise _full(workshop)
    if seated.registration is None:
        return await _overtaken(session, address, once)
    return await _begin(session, seated.registration, seated.student, workshop, placement.location)


async def _made_before(session: AsyncSession, once: Once) -> Registration | None:
    found = await repository.by_idempotency_key(session, once.key)
    if found is not None and found.request_hash != once.request_hash:
        message = "this key came with another request before; take a new one for every registration"
        raise Unprocessable(message, errors=[{"field": "Idempotency-Key", "message": message}])
    return found


async def _overtaken(session: AsyncSession, address: Address, once: Once | None) -> Registration | AlreadyHeld:
    """Between our look and our insertion the same request, or another one of the address, was faster."""
    if once and (made := await _made_before(session, once)):
        return made
    holder = await repository.holding(session, address.key)
    if holder is None:
        raise Conflict("another registration came in between and is gone again; please try once more")
    return await _remind(session, holder)


async def _open_workshop(session: AsyncSession, notebook: str) -> Workshop:
    found = await repository.workshop_and_pause(session, notebook)
    if found is None or found[0].retired_at is not None or not found[0].active:
        raise WorkshopUnknown(f"there is no open workshop {notebook}; GET /api/v1/workshops lists those that are")
    workshop, paused = found
    if paused is not None:
        raise RegistrationPaused(paused)
    return workshop


def checked_address(email: str, deny: DenyList) -> Address:
    """Raises Unprocessable."""
    try:
        return check_address(email, deny)
    except AddressDenied as error:
        raise Unprocessable(str(error), errors=[{"field": "email", "message": str(error)}]) from error


async def _find_room(session: AsyncSession, workshop: Workshop) -> Placement:
    """From here to the commit the placements are locked: others who want into this workshop wait."""
    placements = await repository.lock_placements(session, workshop.id)
    if not placements:
        raise WorkshopNowhere(f"no location gives {workshop.name} at present; the operator can place it")
    placement = await repository.placement_with_room(session, placements)
    if placement is None:
        for location_id in await repository.locations_of(session, placements):
            if (text := await pause_for(session, workshop.id, location_id)) is not None:
                raise RegistrationPaused(text)
        raise _full(workshop)
    return placement


def _full(workshop: Workshop) -> WorkshopFull:
    return WorkshopFull(f"{workshop.name} is full at the moment; a seat is free again when a session ends")


def _values(
    request: RegistrationRequest, address: Address, workshop: Workshop, placement: Placement, settings: Settings
) -> dict[str, object]:
    return {
        "state": RegistrationState.REGISTERED,
        "workshop_id": workshop.id,
        "placement_id": placement.id,
        "location_id": placement.location_id,
        "name": request.name,
        "email": address.email,
        "email_key": address.key,
        "company": request.company,
        "terms_version": request.terms_version,
        "link_nonce": secrets.token_urlsafe(12),
        "duration": workshop.duration,
        "range_first": placement.first_seat,
        "content_version": workshop.content_version,
        "stuck_after": settings.acceptance_limit,
    }


async def _begin(
    session: AsyncSession, registration: Registration, student: Student | None, workshop: Workshop, location: Location
) -> Registration:
    assert student is not None
    for name, related in (("student", student), ("workshop", workshop), ("location", location)):
        set_committed_value(registration, name, related)
    async with jobs_together(session):
        await lifecycle.tell(session, registration, "registered", seat=student.username, location=location.name)
        await queue_mail(session, registration, "welcome")
        await issue(session, registration, Verb.CREATE)
    return registration


async def _remind(session: AsyncSession, holder: Registration) -> AlreadyHeld:
    slot = int(await repository.epoch(session) // REMINDER_GAP.total_seconds())
    await queue_mail(session, holder, "already", occasion=str(slot))
    return AlreadyHeld()


async def by_token(session: AsyncSession, token: str, settings: Settings, *, lock: bool = False) -> Registration:
    """Raises NotFound, alike for a token that never was and one that was revoked."""
    registration_id = registration_of(token)
    find = repository.lock if lock else repository.read
    registration = await find(session, registration_id) if registration_id else None
    key = settings.key("personal-links")
    if registration is None or not is_valid(key, token, registration.id, registration.link_nonce):
        raise NotFound("no registration has this personal token; the link in your mail holds it whole")
    return registration

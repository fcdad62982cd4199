"""Registering for a workshop, and finding a registration again."""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.classes.errors import ClassFull, ClassNotOpen, ClassUnknown
from wod_api_db.mail.outbox import queue_mail
from wod_api_db.registrations import repository
from wod_api_db.registrations.addresses import Address, AddressDenied, DenyList, check_address
from wod_api_db.registrations.entering import Entry, Once, Outcome, enter
from wod_api_db.registrations.errors import RegistrationPaused, WorkshopFull, WorkshopNowhere, WorkshopUnknown
from wod_api_db.registrations.links import is_valid, registration_of
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationRequest, RegistrationState
from wod_api_db.settings import Settings
from wod_api_db.statistics.counting import count
from wod_common.problems import Conflict, NotFound, Problem, Unprocessable

log = structlog.get_logger(__name__)

#: An address that is registered already gets one mail that leads to its session, however often somebody tries.
REMINDER_GAP = timedelta(minutes=5)


@dataclass(frozen=True)
class AlreadyHeld:
    """The address holds another registration; its owner is sent the way to it, the caller learns nothing of it."""


#: Somebody else of the same address may come and go between our look and our insertion, but not for ever.
_TRIES = 3


async def register(
    session: AsyncSession,
    request: RegistrationRequest,
    settings: Settings,
    deny: DenyList,
    *,
    idempotency_key: str | None = None,
    speaks: bool = False,
) -> Registration | AlreadyHeld:
    """A request that comes again with its idempotency key is answered with the registration it made.

    Raises Unprocessable, WorkshopUnknown, RegistrationPaused, WorkshopNowhere and WorkshopFull; with a class's code also
    ClassUnknown, ClassNotOpen and ClassFull.
    """
    address = checked_address(request.email, deny)
    once = Once.of(idempotency_key, request)
    for _ in range(_TRIES):
        entry = await enter(session, request, address, settings, once, speaks=speaks)
        if entry.outcome is not Outcome.OVERTAKEN:
            return await _answer(session, request, entry)
    raise Conflict("another registration of this address came in between and is gone again; please try once more")


async def _answer(session: AsyncSession, request: RegistrationRequest, entry: Entry) -> Registration | AlreadyHeld:
    if entry.registration is not None:
        state = entry.registration.state.value
        count(session, state, {}, entry.registration.created_at)
        log.info(state, registration=entry.registration.id, workshop=request.workshop)
        return entry.registration
    if entry.outcome in {Outcome.HELD, Outcome.MADE_BEFORE}:
        assert entry.registration_id is not None
        known = await repository.read(session, entry.registration_id)
        assert known is not None
        return known if entry.outcome is Outcome.MADE_BEFORE else await _remind(session, known, request.workshop)
    raise _refusal(request.workshop, entry)


def _refusal(notebook: str, entry: Entry) -> Problem:
    match entry.outcome:
        case Outcome.OTHER_REQUEST:
            message = "this key came with another request before; take a new one for every registration"
            return Unprocessable(message, errors=[{"field": "Idempotency-Key", "message": message}])
        case Outcome.PAUSED:
            return RegistrationPaused(entry.explanation or "")
        case Outcome.NOWHERE:
            return WorkshopNowhere(f"no location gives {entry.workshop_name} at present; the operator can place it")
        case Outcome.FULL:
            return WorkshopFull(
                f"{entry.workshop_name} is full at the moment, or others wait for it already; "
                'send the same with "wait": true to join the waiting list'
            )
        case Outcome.CLASS_UNKNOWN | Outcome.CLASS_EARLY | Outcome.CLASS_OVER | Outcome.CLASS_FULL:
            return _class_refusal(entry)
    return WorkshopUnknown(f"there is no open workshop {notebook}; GET /api/v1/workshops lists those that are")


def _class_refusal(entry: Entry) -> Problem:
    match entry.outcome:
        case Outcome.CLASS_EARLY:
            return ClassNotOpen(f"the class lets nobody in yet; come back at {entry.explanation}")
        case Outcome.CLASS_OVER:
            return ClassNotOpen("the class is over; the workshop may be open to everybody, without a code")
        case Outcome.CLASS_FULL:
            return ClassFull("every seat of the class is taken; ask its instructor for one more")
    return ClassUnknown("no class of this workshop has this code; take it once more from where you read it")


def checked_address(email: str, deny: DenyList) -> Address:
    """Raises Unprocessable."""
    try:
        return check_address(email, deny)
    except AddressDenied as error:
        raise Unprocessable(str(error), errors=[{"field": "email", "message": str(error)}]) from error


async def _remind(session: AsyncSession, holder: Registration, wanted: str) -> AlreadyHeld:
    slot = int(await repository.epoch(session) // REMINDER_GAP.total_seconds())
    if holder.state is RegistrationState.OFFERED and holder.offer_ends_at is not None:
        until = holder.offer_ends_at.isoformat()
        await queue_mail(session, holder, "offer", occasion=f"{until} {slot}", until=until)
    elif holder.state is RegistrationState.WAITING:
        await queue_mail(session, holder, "waiting", occasion=str(slot))
    else:
        await queue_mail(session, holder, "already", occasion=str(slot), wanted=wanted)
    return AlreadyHeld()


async def by_token(session: AsyncSession, token: str, settings: Settings, *, lock: bool = False) -> Registration:
    """Raises NotFound, alike for a token that never was and one that was revoked."""
    registration_id = registration_of(token)
    find = repository.lock if lock else repository.read
    registration = await find(session, registration_id) if registration_id else None
    keys = settings.keys("personal-links")
    if registration is None or not is_valid(keys, token, registration.id, registration.link_nonce):
        raise NotFound("no registration has this personal token; the link in your mail holds it whole")
    return registration

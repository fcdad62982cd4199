"""What a person may change of a running registration: its time, and once a mistyped address."""

import hmac
import secrets
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.classes.booked import CLEANING
from wod_api_db.db import now
from wod_api_db.mail.outbox import queue_mail
from wod_api_db.registrations import lifecycle, repository
from wod_api_db.registrations.addresses import DenyList
from wod_api_db.registrations.errors import AlreadyRegistered, CorrectionRefused, ExtensionRefused
from wod_api_db.registrations.links import browser_key
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import AddressCorrection, RegistrationState
from wod_api_db.registrations.service import checked_address
from wod_api_db.settings import Settings
from wod_api_db.states import HOLDING, REGISTRATION
from wod_api_db.waiting.repository import somebody_waits
from wod_common.problems import Forbidden

_RUNNING = (RegistrationState.RUNNING, RegistrationState.EXPIRING)
#: while something is still to be mailed
CORRECTABLE = (RegistrationState.WAITING, RegistrationState.OFFERED, *HOLDING)


def extension_of(registration: Registration) -> timedelta | None:
    """By how much the session may be extended now; None where it may not. Whether there is room is not asked."""
    workshop = registration.workshop
    if (
        registration.state not in _RUNNING
        or registration.class_id is not None
        or registration.clock_started_at is None
        or registration.extensions >= workshop.extensions
    ):
        return None
    return workshop.extension or registration.duration / 2


async def extend(session: AsyncSession, registration: Registration) -> None:
    """Within the workshop's policy, when nobody has to be turned away for it. Raises ExtensionRefused."""
    step = extension_of(registration)
    if step is None:
        raise ExtensionRefused(_why_not(registration))
    assert registration.placement_id is not None
    await repository.lock_placement(session, registration.placement_id)
    assert registration.ends_at is not None
    free_again = registration.ends_at + step + CLEANING
    is_wanted = await somebody_waits(session, registration)
    if is_wanted or not await repository.room_of(session, registration.placement_id, free_again):
        raise ExtensionRefused("every seat of this workshop is taken, so that yours is needed when your time is over")
    await _end_later(session, registration, step)


async def give_time(session: AsyncSession, registration: Registration, step: timedelta) -> None:
    """At an operator's word, who answers for the seat that somebody else may be waiting for.

    It counts among the session's extensions. Raises ExtensionRefused.
    """
    if registration.state not in _RUNNING or registration.clock_started_at is None:
        raise ExtensionRefused(_why_not(registration))
    await _end_later(session, registration, step)


async def _end_later(session: AsyncSession, registration: Registration, step: timedelta) -> None:
    if registration.state is RegistrationState.EXPIRING:
        registration.state = REGISTRATION.check(registration.state, RegistrationState.RUNNING)
    registration.extensions += 1
    registration.expiring_at = Registration.ends_at + (step - lifecycle.warning_lead(step))
    registration.ends_at = Registration.ends_at + step
    await session.flush()
    await session.refresh(registration, ["ends_at", "expiring_at"])
    assert registration.ends_at is not None
    await lifecycle.tell(session, registration, "extended", ends_at=registration.ends_at.isoformat())


def _why_not(registration: Registration) -> str:
    if registration.state not in _RUNNING:
        return f"this session is {registration.state}: only a running one can be extended"
    if registration.class_id is not None:
        return "your lab belongs to a class and ends with it; ask your instructor for more time"
    if registration.clock_started_at is None:
        return "the time of this session has not begun to count; extend it when it has"
    allowed = registration.workshop.extensions
    return (
        f"a session of this workshop can be extended {allowed} times, and this one was"
        if allowed
        else ("sessions of this workshop cannot be extended")
    )


async def correct_address(
    session: AsyncSession, registration: Registration, request: AddressCorrection, settings: Settings, deny: DenyList
) -> None:
    """Whoever got the first mails by mistake is locked out: another link, and once the lab is there another password.

    Raises Unprocessable, Forbidden, CorrectionRefused, AlreadyRegistered.
    """
    _check_correctable(registration, request, settings)
    address = checked_address(request.email, deny)
    if address.key == registration.email_key and address.email == registration.email:
        raise CorrectionRefused(f"{address.email} is the address that is registered already")
    registration.email = address.email
    registration.email_key = address.key
    registration.link_nonce = secrets.token_urlsafe(12)
    registration.corrected_at = now
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        raise AlreadyRegistered("that address has a session, or waits for this workshop, already") from error
    await session.refresh(registration, ["corrected_at"])
    await repository.withhold_mails(session, registration.id, "withheld: the address was corrected")
    await lifecycle.tell(session, registration, "corrected")
    await _write_again(session, registration)
    if registration.state in _RUNNING:
        await lifecycle.deploy_again(session, registration, settings)


async def _write_again(session: AsyncSession, registration: Registration) -> None:
    """What the wrong address was told."""
    if registration.state is RegistrationState.OFFERED and registration.offer_ends_at is not None:
        until = registration.offer_ends_at.isoformat()
        await queue_mail(session, registration, "offer", occasion=f"corrected {until}", until=until)
    else:
        template = "waiting" if registration.state is RegistrationState.WAITING else "welcome"
        await queue_mail(session, registration, template, occasion=lifecycle.occasion(registration))


def _check_correctable(registration: Registration, request: AddressCorrection, settings: Settings) -> None:
    if registration.state not in CORRECTABLE:
        raise CorrectionRefused("this session is over; register again with the right address")
    if registration.corrected_at is not None:
        raise CorrectionRefused("the address was corrected once already; end this session and register again")
    keys = settings.keys("browser-keys")
    expected = [browser_key(key, registration.id, registration.link_nonce) for key in keys]
    if not any(hmac.compare_digest(each, request.browser_key) for each in expected):
        raise Forbidden("only the browser that registered may correct the address")

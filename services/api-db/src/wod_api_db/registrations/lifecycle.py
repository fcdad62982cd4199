"""The life of a registration: one function per transition, each in the caller's transaction.

Every function expects the registration's row locked (``repository.lock``) with its student, workshop and location.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.badges.service import award
from wod_api_db.commands.issuing import issue, supersede
from wod_api_db.db import now
from wod_api_db.mail.outbox import queue_mail
from wod_api_db.notices.service import notify
from wod_api_db.registrations import range_reset, repository
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.settings import Settings, gap
from wod_api_db.states import REGISTRATION, STUDENT
from wod_api_db.statistics.counting import count
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_common.commands import Verb

log = structlog.get_logger(__name__)

#: A seat whose cleaning has failed this often is left broken for an operator.
CLEANING_ATTEMPTS = 5


def warning_lead(duration: timedelta) -> timedelta:
    """How long before the end the expiring mail goes: an hour, or a quarter of a session that is no longer than one."""
    hour = timedelta(hours=1)
    return hour if duration > hour else duration / 4


async def tell(session: AsyncSession, registration: Registration, event: str, **data: Any) -> None:
    """A row of the registration's story; whoever follows it is notified at the commit."""
    await repository.add_event(session, registration.id, event, registration.state, data)
    # the workshop is what the figures are told apart by; the story has it anyway
    labels = data | {"workshop": registration.workshop.notebook} if event == "running" else data
    count(session, event, labels, registration.created_at)


def occasion(registration: Registration) -> str:
    """Mails that a corrected address or an extension gives reason for once more are other mails."""
    corrected = "corrected" if registration.corrected_at is not None else ""
    return f"{corrected}{registration.extensions or ''}"


def _move(registration: Registration, target: RegistrationState) -> None:
    registration.state = REGISTRATION.check(registration.state, target)


def _seat(registration: Registration) -> Student:
    assert registration.student is not None
    return registration.student


async def deploying(session: AsyncSession, registration: Registration, settings: Settings) -> None:
    """The agent has the CREATE on its disk."""
    if registration.state is RegistrationState.REGISTERED:
        _move(registration, RegistrationState.DEPLOYING)
    registration.stuck_at = now + settings.deployment_limit
    await session.flush()


async def deployment_goes_on(
    session: AsyncSession, registration: Registration, settings: Settings, *, queued: bool
) -> None:
    """While the lab waits in the location's line it is not stuck; once it is made, only the deployment's limit counts."""
    if registration.state is not RegistrationState.DEPLOYING:
        return
    limit = now + (settings.acceptance_limit if queued else settings.deployment_limit)
    registration.stuck_at = limit if queued else func.least(Registration.stuck_at, limit)
    await session.flush()
    await session.refresh(registration, ["stuck_at"])


async def deploy_again(session: AsyncSession, registration: Registration, settings: Settings) -> None:
    """The seat is made anew with another password, as if its person had only just come."""
    _move(registration, RegistrationState.DEPLOYING)
    registration.stuck_at = now + settings.acceptance_limit
    for deadline in ("ready_at", "clock_started_at", "expiring_at", "ends_at", "no_show_at", "no_show_reminded_at"):
        setattr(registration, deadline, None)
    registration.completion_so_far = None
    _seat(registration).sealed_password = None
    await supersede(session, registration)
    await tell(session, registration, "deploying-again")
    await issue(session, registration, Verb.CREATE)


async def ready(session: AsyncSession, registration: Registration, settings: Settings, password: str) -> None:
    """The lab is there. The clock starts with the credentials mail, at the latest after the grace."""
    if registration.state is RegistrationState.REGISTERED:  # a listed peer's agent does not report acceptance
        _move(registration, RegistrationState.DEPLOYING)
    _move(registration, RegistrationState.RUNNING)
    registration.ready_at = now
    _seat(registration).sealed_password = settings.passwords.seal(password)
    _end_in(registration, settings.clock_grace + registration.duration)
    await session.flush()
    await tell(session, registration, "running")
    await queue_mail(session, registration, "credentials", occasion=occasion(registration))


def _end_in(registration: Registration, length: timedelta) -> None:
    """The lab of a class ends with it, whenever it was ready."""
    lead = warning_lead(registration.duration)
    if registration.class_ends_at is not None:
        registration.ends_at = registration.class_ends_at
        registration.expiring_at = registration.class_ends_at - lead
    else:
        registration.ends_at = now + length
        registration.expiring_at = now + (length - lead)


async def move_end(session: AsyncSession, registration: Registration, ends_at: datetime) -> None:
    """The class that it belongs to ends at another time."""
    assert registration.class_ends_at is not None
    registration.duration += ends_at - registration.class_ends_at
    registration.class_ends_at = ends_at
    if registration.ends_at is not None:
        if registration.state is RegistrationState.EXPIRING and ends_at > registration.ends_at:
            _move(registration, RegistrationState.RUNNING)
        _end_in(registration, registration.duration)
        await tell(session, registration, "extended", ends_at=ends_at.isoformat())
    await session.flush()


async def start_clock(session: AsyncSession, registration: Registration) -> None:
    """The relay has taken the credentials mail: from now on the time counts."""
    if registration.clock_started_at is not None or registration.state is not RegistrationState.RUNNING:
        return
    registration.clock_started_at = now
    _end_in(registration, registration.duration)
    is_own = registration.class_id is None  # who sits in a class is seen by its instructor
    if is_own and registration.workshop.no_show is not None and registration.first_login_at is None:
        registration.no_show_at = now + registration.workshop.no_show
    await session.flush()
    await tell(session, registration, "clock-started")


async def expiring(session: AsyncSession, registration: Registration) -> None:
    """The end is near."""
    _move(registration, RegistrationState.EXPIRING)
    await session.flush()
    await tell(session, registration, "expiring")
    await queue_mail(session, registration, "expiring", occasion=occasion(registration))


async def not_shown_up(session: AsyncSession, registration: Registration) -> None:
    """Nobody has logged in: a reminder first, and half of the limit later the seat goes back."""
    limit = registration.workshop.no_show
    if limit is None:  # the workshop has dropped its limit meanwhile
        registration.no_show_at = None
    elif registration.no_show_reminded_at is None:
        registration.no_show_reminded_at = now
        registration.no_show_at = now + limit / 2
        await session.flush()
        await tell(session, registration, "reminded")
        await queue_mail(session, registration, "reminder", occasion=occasion(registration))
    else:
        await end(session, registration, reason="no-show")


async def end(session: AsyncSession, registration: Registration, reason: str) -> None:
    """``reason`` is ``time``, ``person``, ``operator``, ``no-show`` or ``class``; of a wait also ``offer-lapsed`` and
    ``retired``.

    Before the lab is ready this is a cancellation; repeated, it changes nothing.
    """
    if registration.state in {RegistrationState.RUNNING, RegistrationState.EXPIRING}:
        target = RegistrationState.ENDED
    elif REGISTRATION.may(registration.state, RegistrationState.CANCELLED):
        target = RegistrationState.CANCELLED
    else:
        return
    _move(registration, target)
    registration.ended_at = now
    registration.end_reason = reason
    if registration.student is None:
        await _leave_the_line(session, registration, reason)
        return
    await session.flush()
    await tell(session, registration, target.value, reason=reason)
    await clean(session, registration)


async def _leave_the_line(session: AsyncSession, registration: Registration, reason: str) -> None:
    """There is no seat to clean. Who did not leave by himself is told."""
    registration.step_back()
    registration.wait_ends_at = None
    await session.flush()
    await tell(session, registration, "cancelled", reason=reason, seat=False)
    if reason == "offer-lapsed":
        await queue_mail(session, registration, "offer-lapsed")
    elif reason != "person":
        await queue_mail(session, registration, "wait-over")


async def fail(session: AsyncSession, registration: Registration, reason: str) -> None:
    """The lab could not be made: an apology to the person, the reason for the operator, the seat cleaned."""
    _move(registration, RegistrationState.FAILED)
    registration.ended_at = now
    registration.failure = reason
    await session.flush()
    log.error("deployment failed", registration=registration.id, reason=reason)
    await tell(session, registration, "failed")
    await queue_mail(session, registration, "failed")
    await notify(
        session,
        "deployment-failed",
        f"{registration.workshop.notebook} could not be deployed to {_seat(registration).username} "
        f"at {registration.place.name}: {reason}. The person was told and can register again; the seat is cleaned.",
        location_id=registration.location_id,
        registration_id=registration.id,
    )
    await clean(session, registration)


async def clean(session: AsyncSession, registration: Registration, *, delay: timedelta = timedelta()) -> None:
    """Whatever the seat was doing gives way to its CLEANUP."""
    await supersede(session, registration)
    student = _seat(registration)
    student.state = STUDENT.check(student.state, StudentState.CLEANING)
    student.sealed_password = None
    await issue(session, registration, Verb.CLEANUP, delay=delay)


async def command_done(
    session: AsyncSession,
    registration: Registration,
    verb: Verb,
    settings: Settings,
    password: str | None,
    completion: int | None,
    *,
    whole_range: bool = False,
) -> None:
    """The seat's outstanding command has ended well: what follows from it."""
    if verb is Verb.CREATE:
        if password is None:
            await fail(session, registration, "the agent's report of CREATE came without a password")
        else:
            await ready(session, registration, settings, password)
    elif verb in {Verb.CLEANUP, Verb.DELETE}:
        await _cleaned_up(session, registration, completion)
    elif verb is Verb.RESET:
        if whole_range:
            await range_reset.finished(session, registration)
        await issue(session, registration, Verb.PURGE)
    else:
        await _seat_is_free(session, registration)


async def _cleaned_up(session: AsyncSession, registration: Registration, completion: int | None) -> None:
    if registration.completion is None:
        registration.completion = registration.completion_so_far if completion is None else completion
    if registration.state is RegistrationState.ENDED:
        await award(session, registration)
        await queue_mail(session, registration, "ended")
    student = _seat(registration)
    if registration.workshop.reset:
        student.state = STUDENT.check(student.state, StudentState.RESETTING)
        if not await range_reset.awaits(session, registration):
            await issue(session, registration, Verb.RESET)
    else:
        await issue(session, registration, Verb.PURGE)


async def _seat_is_free(session: AsyncSession, registration: Registration) -> None:
    student = _seat(registration)
    student.state = STUDENT.check(student.state, StudentState.FREE)
    registration.cleaned_at = now
    await session.flush()
    await tell(session, registration, "cleaned", completion=registration.completion)


async def command_failed(
    session: AsyncSession, registration: Registration, verb: Verb, error: str, *, whole_range: bool = False
) -> None:
    """The seat's outstanding command has ended badly."""
    if verb is Verb.CREATE:
        await fail(session, registration, error)
        return
    if whole_range:
        await range_reset.failed(session, registration)
    student = _seat(registration)
    student.state = STUDENT.check(student.state, StudentState.BROKEN)
    log.error("seat is broken", registration=registration.id, student=student.id, verb=verb, reason=error)
    await tell(session, registration, "seat-broken", verb=verb)
    if registration.state is RegistrationState.ENDED:
        await queue_mail(session, registration, "ended")
    tries = student.sequence // 2
    if tries < CLEANING_ATTEMPTS:
        await clean(session, registration, delay=gap(tries, first=10.0))
        return
    await notify(
        session,
        "seat-broken",
        f"{student.username} at {registration.place.name} could not be cleaned after {tries} tries "
        f"({verb} failed: {error}). Nobody gets the seat until it is: mend the cause, then have it cleaned again.",
        location_id=registration.location_id,
        registration_id=registration.id,
    )

"""What a legacy back end reports. It names no command; but a seat has one outstanding, so the report tells which.

``password`` then ``active`` answer CREATE, ``cleaned`` answers CLEANUP, ``assigned: false`` answers RESET or PURGE.
Everything else is written into the registration's story and changes nothing.

``assigned: false`` comes twice where a workshop needs no reset: its CLEANUP frees the seat as well, before it says
``cleaned``. That first one is not taken: PURGE is still to come, and a seat handed out before would be purged under
its next holder. The second one cannot come before PURGE has run, for the original's PURGE waits for ``cleaned``. A back
end that says them in the other order, CLEANUP's last, ends a PURGE that has mostly not left yet; it then never
leaves, so it cannot hit the next holder, whose CREATE empties the home. A lost answer mends itself: the command
is sent again and answered again.
"""

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.commands import repository as commands
from wod_api_db.commands.models import CommandRow
from wod_api_db.commands.reports import done
from wod_api_db.legacy import repository
from wod_api_db.legacy.schemas import CustomerChange, StudentChange
from wod_api_db.legacy.views import is_active, is_assigned
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings
from wod_common.commands import Verb

log = structlog.get_logger(__name__)


async def of_registration(
    session: AsyncSession, settings: Settings, registration: Registration, change: CustomerChange
) -> None:
    """``registration`` is locked."""
    if change.completion_percentage is not None:
        await _completion(session, registration, change.completion_percentage)
    if change.active is not None and change.active is not is_active(registration):
        await _active(session, settings, registration, active=change.active)
    if change.cleaned is not None:
        await _cleaned(session, settings, registration, cleaned=change.cleaned)


async def _completion(session: AsyncSession, registration: Registration, percent: int) -> None:
    if await _outstanding(session, registration, Verb.CLEANUP, Verb.DELETE) is None:
        await _unexpected(session, registration, "completionPercentage")
        return
    registration.completion = percent
    await session.flush()


async def _active(session: AsyncSession, settings: Settings, registration: Registration, *, active: bool) -> None:
    create = await _outstanding(session, registration, Verb.CREATE)
    sealed = registration.student.sealed_password if registration.student else None
    if not active or create is None or sealed is None:
        await _unexpected(session, registration, "active")
        return
    await done(session, settings, registration, create, password=settings.passwords.open(sealed))


async def _cleaned(session: AsyncSession, settings: Settings, registration: Registration, *, cleaned: bool) -> None:
    cleanup = await _outstanding(session, registration, Verb.CLEANUP, Verb.DELETE)
    if not cleaned or cleanup is None:
        await _unexpected(session, registration, "cleaned")
        return
    await done(session, settings, registration, cleanup, completion=registration.completion)


async def of_student(session: AsyncSession, settings: Settings, student_id: int, change: StudentChange) -> None:
    registration = await _lock_holder(session, student_id)
    if registration is None:
        log.warning("legacy report of a seat that nobody has", student=student_id)
        return
    assert registration.student is not None
    if change.password is not None:
        if await _outstanding(session, registration, Verb.CREATE):
            registration.student.sealed_password = settings.passwords.seal(change.password.get_secret_value())
            await session.flush()
        else:
            await _unexpected(session, registration, "password")
    if change.assigned is not None:
        await _assigned(session, settings, registration, assigned=change.assigned)


async def _assigned(session: AsyncSession, settings: Settings, registration: Registration, *, assigned: bool) -> None:
    assert registration.student is not None
    if assigned is is_assigned(registration.student):
        return
    command = await _outstanding(session, registration, Verb.RESET, Verb.PURGE)
    if command is None:
        await _unexpected(session, registration, "assigned")
        return
    await done(session, settings, registration, command)


async def _lock_holder(session: AsyncSession, student_id: int) -> Registration | None:
    holder = await repository.holder_of(session, student_id)
    registration = await registrations.lock(session, holder) if holder is not None else None
    # between the look and the lock the seat may have become free
    return registration if registration is not None and registration.cleaned_at is None else None


async def _outstanding(session: AsyncSession, registration: Registration, *verbs: Verb) -> CommandRow | None:
    if registration.student_id is None or registration.cleaned_at is not None:
        return None
    command = await commands.outstanding(session, registration.student_id)
    return command if command and command.verb in verbs and command.registration_id == registration.id else None


async def _unexpected(session: AsyncSession, registration: Registration, field: str) -> None:
    await lifecycle.tell(session, registration, "legacy-unexpected", field=field)

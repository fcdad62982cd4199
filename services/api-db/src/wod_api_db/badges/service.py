"""What a finished session earns.

A workshop and the challenge on it are one: whoever finishes both has finished one distinct workshop, and has one badge.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.badges import repository
from wod_api_db.mail.outbox import queue_mail
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState

SPECIAL_MAIL = "special-badge"


async def award(session: AsyncSession, registration: Registration) -> None:
    """The workshop's badge, and the special ones that come with it; repeated, it changes nothing.

    In the caller's transaction, with the registration's row locked. Who never came has finished nothing.
    """
    if registration.state is not RegistrationState.ENDED or registration.end_reason == "no-show":
        return
    await repository.lock_address(session, registration.email_key)
    if not await repository.add_workshop_badge(session, registration):
        return
    count = await repository.finished(session, registration.email_key)
    for special in await repository.add_special_badges(session, registration, count):
        await _queue_special_mail(session, registration, special)


async def _queue_special_mail(session: AsyncSession, registration: Registration, special: int) -> None:
    await queue_mail(session, registration, SPECIAL_MAIL, occasion=str(special), special_badge_id=special)

"""The mail with the password once more, for who has lost it."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.mail import repository as mails
from wod_api_db.mail.outbox import queue_mail
from wod_api_db.registrations.errors import CredentialsRefused
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState

#: Whoever has the personal link can ask: the mailbox behind it must not drown.
MOST = 4
GAP = timedelta(minutes=2)
_RUNNING = (RegistrationState.RUNNING, RegistrationState.EXPIRING)


async def send_again(session: AsyncSession, registration: Registration) -> int:
    """How often more it can be asked for. The registration is locked. Raises CredentialsRefused."""
    if registration.state not in _RUNNING:
        raise CredentialsRefused("there is a password while the lab runs only, and yours does not run")
    sent = await mails.credentials_sent(session, registration.id, GAP)
    if sent.lately:
        minutes = GAP // timedelta(minutes=1)
        raise CredentialsRefused(f"that mail left less than {minutes} minutes ago; wait for it, and look into the junk")
    if sent.in_all > MOST:
        raise CredentialsRefused(f"that mail was sent {sent.in_all} times; write to us if none of them arrives")
    await queue_mail(session, registration, "credentials", occasion=f"again-{sent.in_all}", again=True)
    return MOST - sent.in_all

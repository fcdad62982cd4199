"""Unsubscribing from the mails that a session works without, by a link that proves whose mail it was in."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.mail import repository
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.links import is_valid, personal_token, registration_of
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings
from wod_common.problems import NotFound


def optout_token(registration: Registration, settings: Settings) -> str:
    """Of its own key, so that it opens no page, and bound to the address: after a correction the old one is void."""
    return personal_token(settings.key("mail-optouts"), registration.id, registration.email_key)


async def unsubscribe(session: AsyncSession, token: str, settings: Settings) -> None:
    """The address of the token's registration, under every spelling. Again, it changes nothing. Raises NotFound."""
    registration_id = registration_of(token)
    registration = await registrations.read(session, registration_id) if registration_id else None
    keys = settings.keys("mail-optouts")
    if registration is None or not is_valid(keys, token, registration.id, registration.email_key):
        raise NotFound("this link belongs to no address that we hold; take it whole from the newest mail")
    await repository.opt_out(session, registration.email_key)

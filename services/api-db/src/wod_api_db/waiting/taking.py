"""Taking the room that was offered, as one statement inside the database, like registering."""

from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.mail.outbox import message_id
from wod_api_db.registrations.errors import AlreadyRegistered
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.settings import Settings
from wod_api_db.statistics.counting import count
from wod_api_db.waiting.errors import OfferGone
from wod_api_db.waiting.taking_sql import PARAMETERS

_GIVEN = ", ".join(f"CAST(:{name} AS {kind})" for name, kind in PARAMETERS.items())
_CALL = text(f"SELECT take_offer({_GIVEN})")
_TAKEN = "taken"
_WHY_NOT = {
    "lapsed": "this offer was kept until its time was over, and has passed on to the next in line",
    "gone": "this seat cannot be given just now; you keep your place in line and are offered the next one",
    RegistrationState.WAITING: "no seat is offered to you at present; you get a mail as soon as one is",
    RegistrationState.CANCELLED: "this wait is over; register again to join the line once more",
}


async def take(session: AsyncSession, registration: Registration, settings: Settings) -> None:
    """He who was offered room is registered; a second click finds that he is. Commits by itself.

    Raises OfferGone and AlreadyRegistered.
    """
    mail = uuid4()
    given = {
        "given_registration": registration.id,
        "given_patience": settings.acceptance_limit,
        "given_mail": mail,
        "given_message_id": message_id(mail),
        "given_command": uuid4(),
    }
    try:
        outcome: str = (await session.execute(_CALL, given)).scalar_one()
    except IntegrityError as error:
        raise AlreadyRegistered(
            "this address has another session: end that one first, then take this seat before the offer is over"
        ) from error
    if outcome in _WHY_NOT:
        raise OfferGone(_WHY_NOT[outcome])
    if outcome == _TAKEN:
        assert registration.waiting_since is not None
        count(session, "registered", {}, registration.created_at)
        count(session, _TAKEN, {}, registration.waiting_since)

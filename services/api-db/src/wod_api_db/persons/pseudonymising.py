"""Takes everything that leads to a person out of a registration and what belongs to it; what is counted stays."""

import hmac
import re
import secrets
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.db import now
from wod_api_db.feedback.repository import forget_text
from wod_api_db.persons import repository
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings

ERASED = "[erased]"
_ERASED_KEY = "erased:"
#: Any address in a text: a person's former one, before it was corrected, is in no column any more.
_ADDRESS = r"[^\s<>\"'(),;:@]{1,64}@[^\s<>\"'(),;:@]{1,255}"

Json = TypeVar("Json")


def erased_key(settings: Settings, email_key: str) -> str:
    """Equal for all registrations of one person, so that persons can still be counted, and for nobody else to link."""
    if email_key.startswith(_ERASED_KEY):
        return email_key
    return _ERASED_KEY + hmac.digest(settings.key("erased-persons"), email_key.encode(), "sha256").hex()


class PersonalValues:
    """Finds a person's name, company and address, and any address, in texts."""

    def __init__(self, *values: str) -> None:
        words = (rf"(?<!\w){re.escape(value)}(?!\w)" for value in values if value)
        self._pattern = re.compile("|".join([_ADDRESS, *words]), re.IGNORECASE)

    @classmethod
    def of(cls, registration: Registration) -> "PersonalValues":
        return cls(registration.email, registration.email_key, registration.name, registration.company)

    def erase(self, value: Json) -> Json:
        """The same JSON with these values replaced in every text; keys stay."""
        return self._erase(value)  # type: ignore[no-any-return]  # of the same kind as what came in

    def _erase(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._pattern.sub(ERASED, value)
        if isinstance(value, dict):
            return {key: self._erase(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._erase(item) for item in value]
        return value


async def pseudonymise(session: AsyncSession, registration: Registration, settings: Settings) -> None:
    """The registration is locked and in a final state.

    While its seat is being cleaned reports still come in: the row stays marked by its empty ``email``, nothing is
    mailed any more, and ``finish`` of the sweep calls this once more when the seat is clean.
    """
    values = PersonalValues.of(registration)
    real_key, key = registration.email_key, erased_key(settings, registration.email_key)
    await repository.withhold_mails(session, registration.id)
    for row in await repository.texts_about(session, registration.id):
        row.erase(values.erase)
    await repository.move_badges(session, registration.id, key)
    await forget_text(session, registration.id)
    _empty(registration, key, values)
    if registration.student_id is None or registration.cleaned_at is not None:
        await repository.delete_reports(session, registration.id)
        registration.pseudonymised_at = now
    await session.flush()
    await repository.forget_optout(session, real_key)


def _empty(registration: Registration, key: str, values: PersonalValues) -> None:
    registration.failure = values.erase(registration.failure)
    registration.name = registration.email = registration.company = ""
    registration.email_key = key
    registration.link_nonce = secrets.token_urlsafe(12)
    registration.idempotency_key = registration.request_hash = None

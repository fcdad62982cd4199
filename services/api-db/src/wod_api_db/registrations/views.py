"""A registration as its holder and the operators see it on the wire."""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.commands.queue import place_in_queue
from wod_api_db.mail.repository import trouble
from wod_api_db.registrations import repository
from wod_api_db.registrations.changing import CORRECTABLE, extension_of
from wod_api_db.registrations.links import browser_key, personal_token
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import NewRegistrationView, RegistrationState, RegistrationView
from wod_api_db.settings import Settings
from wod_api_db.waiting import line
from wod_api_db.waiting.schemas import LineView

_MESSAGES = {
    RegistrationState.WAITING: "You are on the waiting list.",
    RegistrationState.OFFERED: "A seat is kept for you.",
    RegistrationState.REGISTERED: "You are in. Your lab is about to be prepared.",
    RegistrationState.DEPLOYING: "Your lab is being prepared.",
    RegistrationState.RUNNING: "Your lab is running.",
    RegistrationState.EXPIRING: "Your lab is running; its time is nearly over.",
    RegistrationState.ENDED: "Your session has ended.",
    RegistrationState.FAILED: "Your lab could not be prepared. The operator knows; you can register again.",
    RegistrationState.CANCELLED: "This registration was cancelled.",
}


def token_of(registration: Registration, settings: Settings) -> str:
    return personal_token(settings.key("personal-links"), registration.id, registration.link_nonce)


def lab_url(registration: Registration) -> str:
    """Through the hub's redirect, so that whoever opens it signs in first and lands in the workshop."""
    folder = registration.workshop.notebook
    return f"{registration.place.hub_url.rstrip('/')}/hub/user-redirect/lab/tree/{folder}/0-ReadMeFirst.ipynb"


@dataclass(frozen=True)
class _Beside:
    """What is not in the registration's row. So it is at the beginning."""

    waiting_before: int | None = None
    ready_in_seconds: int | None = None
    line: LineView | None = None
    mail_trouble: str | None = None
    announcement: str | None = None
    last_event_id: int = 0


async def view(session: AsyncSession, registration: Registration, settings: Settings) -> RegistrationView:
    preparing = registration.state in {RegistrationState.REGISTERED, RegistrationState.DEPLOYING}
    queue = await place_in_queue(session, registration.id) if preparing else None
    last_event_id, announcement = await repository.told(session, registration.id)
    beside = _Beside(
        waiting_before=queue.before if queue else None,
        ready_in_seconds=queue.seconds if queue else None,
        line=await line.view(session, registration),
        mail_trouble=await trouble(session, registration.id),
        announcement=announcement,
        last_event_id=last_event_id,
    )
    return RegistrationView(**_fields(registration, settings, beside))


def new_view(registration: Registration, settings: Settings) -> NewRegistrationView:
    """Of one that has only just begun: nothing is asked of the database while a crowd waits."""
    key = browser_key(settings.key("browser-keys"), registration.id, registration.link_nonce)
    return NewRegistrationView(**_fields(registration, settings, _Beside()), browser_key=key)


def _never_had_a_seat(registration: Registration) -> bool:
    return registration.student is None and registration.ended_at is not None


def _fields(registration: Registration, settings: Settings, beside: _Beside) -> dict[str, Any]:
    extension = extension_of(registration)
    return dict(
        id=registration.id,
        token=token_of(registration, settings),
        state=registration.state,
        workshop=registration.workshop.notebook,
        workshop_name=registration.workshop.name,
        name=registration.name,
        username=registration.student.username if registration.student else "",
        location=registration.location.name if registration.location else "",
        lab_url=lab_url(registration) if registration.student else "",
        created_at=registration.created_at,
        running_since=registration.clock_started_at or registration.ready_at,
        ends_at=registration.ends_at,
        ended_at=registration.ended_at,
        duration_seconds=int(registration.duration.total_seconds()),
        completion=registration.known_completion,
        cleaned=registration.cleaned_at is not None or _never_had_a_seat(registration),
        message=_MESSAGES[registration.state],
        extension_seconds=int(extension.total_seconds()) if extension else None,
        class_id=registration.class_id,
        help_wanted_at=registration.help_wanted_at,
        correctable=registration.state in CORRECTABLE and registration.corrected_at is None,
        **{field.name: getattr(beside, field.name) for field in fields(beside)},
    )

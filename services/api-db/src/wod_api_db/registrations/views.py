"""A registration as its holder and the operators see it on the wire."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.commands.repository import creates_before
from wod_api_db.mail.repository import trouble
from wod_api_db.registrations import repository
from wod_api_db.registrations.changing import extension_of
from wod_api_db.registrations.links import browser_key, personal_token
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import NewRegistrationView, RegistrationState, RegistrationView
from wod_api_db.settings import Settings
from wod_api_db.states import HOLDING

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
    return f"{registration.location.hub_url.rstrip('/')}/hub/user-redirect/lab/tree/{folder}/0-ReadMeFirst.ipynb"


@dataclass(frozen=True)
class _Beside:
    """What is not in the registration's row. So it is at the beginning."""

    waiting_before: int | None = None
    mail_trouble: str | None = None
    announcement: str | None = None
    last_event_id: int = 0


async def view(session: AsyncSession, registration: Registration, settings: Settings) -> RegistrationView:
    preparing = registration.state in {RegistrationState.REGISTERED, RegistrationState.DEPLOYING}
    last_event_id, announcement = await repository.told(session, registration.id)
    beside = _Beside(
        waiting_before=await creates_before(session, registration.id) if preparing else None,
        mail_trouble=await trouble(session, registration.id),
        announcement=announcement,
        last_event_id=last_event_id,
    )
    return RegistrationView(**_fields(registration, settings, beside))


def new_view(registration: Registration, settings: Settings) -> NewRegistrationView:
    """Of one that has only just begun: nothing is asked of the database while a crowd waits."""
    key = browser_key(settings.key("browser-keys"), registration.id, registration.link_nonce)
    return NewRegistrationView(**_fields(registration, settings, _Beside()), browser_key=key)


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
        location=registration.location.name,
        lab_url=lab_url(registration),
        created_at=registration.created_at,
        running_since=registration.clock_started_at or registration.ready_at,
        ends_at=registration.ends_at,
        ended_at=registration.ended_at,
        duration_seconds=int(registration.duration.total_seconds()),
        completion=registration.known_completion,
        cleaned=registration.cleaned_at is not None,
        message=_MESSAGES[registration.state],
        extension_seconds=int(extension.total_seconds()) if extension else None,
        class_id=registration.class_id,
        help_wanted_at=registration.help_wanted_at,
        correctable=registration.state in HOLDING and registration.corrected_at is None,
        **asdict(beside),
    )

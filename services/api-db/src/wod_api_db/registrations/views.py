"""A registration as its holder and the operators see it on the wire."""

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


async def view(session: AsyncSession, registration: Registration, settings: Settings) -> RegistrationView:
    preparing = registration.state in {RegistrationState.REGISTERED, RegistrationState.DEPLOYING}
    extension = extension_of(registration)
    last_event_id, announcement = await repository.told(session, registration.id)
    return RegistrationView(
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
        completion=registration.completion,
        cleaned=registration.cleaned_at is not None,
        message=_MESSAGES[registration.state],
        waiting_before=await creates_before(session, registration.id) if preparing else None,
        extension_seconds=int(extension.total_seconds()) if extension else None,
        mail_trouble=await trouble(session, registration.id),
        announcement=announcement,
        correctable=registration.state in HOLDING and registration.corrected_at is None,
        last_event_id=last_event_id,
    )


async def new_view(session: AsyncSession, registration: Registration, settings: Settings) -> NewRegistrationView:
    key = browser_key(settings.key("browser-keys"), registration.id, registration.link_nonce)
    shown = await view(session, registration, settings)
    return NewRegistrationView(**shown.model_dump(), browser_key=key)

"""What a mail may say: the registration, the brand, and the mail's own data as the templates' context."""

from datetime import datetime

from wod_api_db.mail.rendering import Brand, MailContext
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.views import lab_url, token_of
from wod_api_db.settings import Settings


def mail_context(registration: Registration, settings: Settings, template: str) -> MailContext | None:
    """None where the mail has lost its reason: there is no password to send any more."""
    student = registration.student
    sealed = student.sealed_password if student and student.generation == registration.generation else None
    if template == "credentials" and sealed is None:
        return None
    portal = settings.portal_url.rstrip("/")
    return MailContext(
        brand=Brand(name=settings.brand, portal_url=portal, support=settings.support),
        recipient_name=registration.name,
        workshop_name=registration.workshop.name,
        workshop=registration.workshop.notebook,
        username=student.username if student else "",
        password=settings.passwords.open(sealed) if template == "credentials" and sealed else None,
        lab_url=lab_url(registration),
        session_url=f"{portal}/sessions/{token_of(registration, settings)}",
        catalogue_url=portal,
        ends_at=_promised_end(registration, template),
        duration=registration.duration,
        completion=registration.completion,
    )


def _promised_end(registration: Registration, template: str) -> datetime | None:
    """The clock starts when this very mail is taken: what it names is the earliest end, the same at every try."""
    if template == "credentials" and registration.ready_at is not None:
        return registration.ready_at + registration.duration
    return registration.ends_at

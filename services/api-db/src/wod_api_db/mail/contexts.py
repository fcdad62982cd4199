"""What a mail may say: the registration, the brand, and the mail's own data as the templates' context."""

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.badges.models import Badge, SpecialBadge
from wod_api_db.mail import repository
from wod_api_db.mail.class_contexts import Withheld, class_context
from wod_api_db.mail.models import Mail
from wod_api_db.mail.optouts import optout_token
from wod_api_db.mail.rendering import Brand, Context, MailContext, NoticeContext, NoticeLine, SpecialBadgeLine
from wod_api_db.notices.repository import by_ids
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.registrations.views import lab_url, token_of
from wod_api_db.settings import Settings

#: Thanks, badges, and more to learn: welcome, but a session works without them. Only they carry List-Unsubscribe and
#: stop when it is used; the others are what was asked for by registering, and somebody who lost the one with the
#: password, or the warning before the end, to a click on "unsubscribe" would lose the lab with it.
OPTIONAL = frozenset({"ended", "special-badge"})
_RUNNING = (RegistrationState.RUNNING, RegistrationState.EXPIRING)


async def context_of(session: AsyncSession, mail: Mail, settings: Settings) -> Context:
    """Raises Withheld."""
    if "class_id" in mail.data:
        return await class_context(session, mail, brand_of(settings))
    if mail.registration_id is None:
        return await _notice_context(session, mail, settings)
    registration = await registrations.read(session, mail.registration_id)
    assert registration is not None
    await _check(session, registration, mail)
    context = _registration_context(registration, settings, mail.template, again=bool(mail.data.get("again")))
    if mail.template == "already" and "wanted" in mail.data:
        # of the workshop's pattern, so that nothing of it needs quoting
        return context.model_copy(update={"instead_url": f"{context.session_url}?instead={mail.data['wanted']}"})
    if mail.template == "ended":
        return context.model_copy(update={"badge_url": await _badge_url(session, registration, settings)})
    if mail.template == "special-badge":
        badge = await _special_badge(session, registration, mail, settings)
        return context.model_copy(update={"special_badge": badge})
    return context


async def _check(session: AsyncSession, registration: Registration, mail: Mail) -> None:
    if registration.pseudonymised_at is not None:
        raise Withheld("the person's data is deleted")
    if registration.email != mail.recipient:
        # the link and the password in it are for the corrected address alone
        raise Withheld("the address was corrected before the mail left")
    if mail.template in OPTIONAL and await repository.opted_out(session, registration.email_key):
        raise Withheld("the person has unsubscribed from such mails")
    if mail.template == "credentials" and _sealed_password(registration) is None:
        raise Withheld("the seat was taken back before the mail left")
    if mail.template == "waiting" and registration.state not in (RegistrationState.WAITING, RegistrationState.OFFERED):
        raise Withheld("the person waits no more")
    if mail.template == "offer" and _offered_until(registration) != mail.data["until"]:
        raise Withheld("the offer was taken, left or taken back before the mail left")
    if mail.template == "offer-withdrawn" and registration.state is not RegistrationState.WAITING:
        raise Withheld("the person waits no more, or was offered another seat")
    if mail.template == "reminder" and (registration.first_login_at is not None or registration.state not in _RUNNING):
        raise Withheld("the person has logged in meanwhile, or the session is over")


def brand_of(settings: Settings) -> Brand:
    return Brand(
        name=settings.brand,
        portal_url=settings.portal_url.rstrip("/"),
        support=settings.support,
        accent=settings.accent,
        accent_dark=settings.accent_dark,
        logo_url=str(settings.logo_url) if settings.logo_url else None,
        footer=settings.footer,
        footer_links={text: str(address) for text, address in settings.footer_links.items()},
    )


def calendar_context(registration: Registration, settings: Settings) -> MailContext:
    """What a calendar entry is made of; without the password."""
    return _registration_context(registration, settings, "calendar")


def _registration_context(
    registration: Registration, settings: Settings, template: str, *, again: bool = False
) -> MailContext:
    brand = brand_of(settings)
    sealed = _sealed_password(registration)
    optional = template in OPTIONAL
    return MailContext(
        brand=brand,
        recipient_name=registration.name,
        workshop_name=registration.workshop.name,
        workshop=registration.workshop.notebook,
        username=registration.student.username if registration.student else "",
        password=settings.passwords.open(sealed) if template == "credentials" and sealed else None,
        lab_url=lab_url(registration) if registration.student else None,
        session_url=f"{brand.portal_url}/sessions/{token_of(registration, settings)}",
        catalogue_url=brand.portal_url,
        starts_at=registration.ready_at,
        ends_at=registration.ends_at if again else _promised_end(registration, template),
        kept_until=registration.no_show_at or registration.ends_at,
        # a lab of a class ends with it; counted from its own beginning, it would be another time at each try
        duration=registration.duration if registration.class_ends_at is None else None,
        offer_limit=registration.offer_limit,
        offer_ends_at=registration.offer_ends_at if template == "offer" else None,
        completion=registration.completion,
        calendar_uid=f"registration-{registration.id}@{urlsplit(brand.portal_url).hostname}",
        unsubscribe_url=f"{brand.portal_url}/mail/unsubscribe/{optout_token(registration, settings)}"
        if optional
        else None,
    )


def _offered_until(registration: Registration) -> str | None:
    return registration.offer_ends_at.isoformat() if registration.offer_ends_at else None


def _sealed_password(registration: Registration) -> str | None:
    student = registration.student
    return student.sealed_password if student and student.generation == registration.generation else None


def _promised_end(registration: Registration, template: str) -> datetime | None:
    """The clock starts when this very mail is taken: what it names is the earliest end, the same at every try."""
    if registration.class_ends_at is not None:
        return registration.class_ends_at
    if template == "credentials" and registration.ready_at is not None:
        return registration.ready_at + registration.duration
    return registration.ends_at


def _badge_page(settings: Settings, token: UUID) -> str:
    return f"{settings.portal_url.rstrip('/')}/badges/{token}"


async def _badge_url(session: AsyncSession, registration: Registration, settings: Settings) -> str | None:
    query = select(Badge.token).where(Badge.registration_id == registration.id, Badge.workshop_id.is_not(None))
    token = (await session.execute(query)).scalar_one_or_none()
    return _badge_page(settings, token) if token else None


async def _special_badge(
    session: AsyncSession, registration: Registration, mail: Mail, settings: Settings
) -> SpecialBadgeLine:
    query = (
        select(SpecialBadge, Badge.token)
        .outerjoin(Badge, and_(Badge.special_badge_id == SpecialBadge.id, Badge.email_key == registration.email_key))
        .where(SpecialBadge.id == mail.data["special_badge_id"])
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise Withheld("there is no such badge any more")
    special, token = found
    return SpecialBadgeLine(
        name=special.name,
        title=special.title,
        description=special.description,
        url=_badge_page(settings, token) if token else None,
    )


async def _notice_context(session: AsyncSession, mail: Mail, settings: Settings) -> NoticeContext:
    notices = await by_ids(session, mail.data["notices"])
    if not notices:
        raise Withheld("its notices are deleted")
    mail.recipient = settings.operator_address
    lines = [NoticeLine(kind=notice.kind, at=notice.at, text=notice.text) for notice in notices]
    return NoticeContext(brand=brand_of(settings), recipient_name="", notices=lines)

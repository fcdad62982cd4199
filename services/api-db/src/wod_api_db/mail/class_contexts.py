"""What a mail of a class may say."""

from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.classes import codes
from wod_api_db.classes import repository as classes
from wod_api_db.classes.models import Class, Invitation
from wod_api_db.mail import repository
from wod_api_db.mail.models import Mail
from wod_api_db.mail.rendering import Brand, ClassContext


class Withheld(Exception):
    """The mail has lost its reason before it left; the message says why."""


async def class_context(session: AsyncSession, mail: Mail, brand: Brand) -> ClassContext:
    """Raises Withheld."""
    found = await classes.read(session, mail.data["class_id"])
    assert found is not None, "classes are kept"
    taught = found.taught
    took_part, completion = await classes.outcome(session, taught.id)
    return ClassContext(
        brand=brand,
        recipient_name=await _name(session, mail, taught),
        class_title=taught.title or taught.workshop.name,
        workshop_name=taught.workshop.name,
        instructor=taught.instructor,
        starts_at=taught.starts_at,
        ends_at=taught.ends_at,
        opens_at=taught.opens_at,
        join_url=f"{brand.portal_url}/join/{codes.written(taught.code)}",
        code=codes.written(taught.code),
        changed=mail.data.get("revision", 0) > 0,
        seats=taught.seats,
        took_part=took_part,
        completion=completion,
        calendar_uid=f"class-{taught.id}@{urlsplit(brand.portal_url).hostname}",
        revision=taught.revision,
    )


async def _name(session: AsyncSession, mail: Mail, taught: Class) -> str:
    """Raises Withheld."""
    if mail.template == "class-ended":
        return taught.instructor
    invitation = await session.get(Invitation, mail.invitation_id) if mail.invitation_id is not None else None
    if invitation is None:
        raise Withheld("the person's data is deleted")
    if mail.data["revision"] != taught.revision:
        raise Withheld("the class has changed since, and another mail says how it is now")
    if await repository.opted_out(session, invitation.email_key):
        raise Withheld("the person has unsubscribed from such mails")
    return invitation.name

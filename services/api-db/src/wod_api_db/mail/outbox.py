"""Queues a mail in the transaction that gives the reason for it."""

from uuid import uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.db import Job, enqueue
from wod_api_db.mail.models import Mail
from wod_api_db.registrations.models import Registration

SEND_MAIL = "send-mail"


async def queue_mail(session: AsyncSession, registration: Registration, template: str, *, occasion: str = "") -> None:
    """One mail per registration, template and occasion, however often it is asked for; none to an erased person."""
    if not registration.email:
        return
    identity = uuid4()
    statement = (
        insert(Mail)
        .values(
            id=identity,
            registration_id=registration.id,
            template=template,
            recipient=registration.email,
            message_id=f"<{identity}@workshops-on-demand>",
            dedup_key=f"{registration.id}:{template}:{occasion}",
        )
        .on_conflict_do_nothing(index_elements=[Mail.dedup_key])
        .returning(Mail.id)
    )
    if (await session.execute(statement)).scalar_one_or_none() is not None:
        await enqueue(session, Job(SEND_MAIL, identity))

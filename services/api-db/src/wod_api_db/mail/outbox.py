"""Queues a mail in the transaction that gives the reason for it."""

import re
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.db import Job, enqueue
from wod_api_db.mail.models import Mail
from wod_api_db.registrations.models import Registration

SEND_MAIL = "send-mail"
_OUR_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@workshops-on-demand", re.IGNORECASE)


def message_id(identity: UUID) -> str:
    return f"<{identity}@workshops-on-demand>"


def mail_of(text: str) -> UUID | None:
    """The mail whose Message-ID, or envelope id, is in the text; None where it is none of ours."""
    found = _OUR_ID.search(text)
    return UUID(found[1]) if found else None


async def queue_mail(
    session: AsyncSession, registration: Registration, template: str, *, occasion: str = "", **data: Any
) -> None:
    """One mail per registration, template and occasion, however often it is asked for; none to an erased person.

    ``data`` is JSON that the template needs beside the registration. It lies in the row in the clear: nothing secret.
    """
    if not registration.email:
        return
    dedup_key = f"{registration.id}:{template}:{occasion}"
    await _queue(session, registration.id, template, registration.email, dedup_key, data)


async def queue_for_operator(session: AsyncSession, template: str, *, occasion: str, **data: Any) -> None:
    """One mail per template and occasion to whoever runs the platform."""
    await _queue(session, None, template, "", f"operator:{template}:{occasion}", data)


async def queue_for_class(
    session: AsyncSession,
    template: str,
    recipient: str,
    *,
    occasion: str,
    invitation_id: int | None = None,
    **data: Any,
) -> None:
    """One mail per template and occasion, to somebody of the roster or to the instructor. ``data`` names the class."""
    await _queue(session, None, template, recipient, f"class:{template}:{occasion}", data, invitation_id)


async def _queue(
    session: AsyncSession,
    registration_id: int | None,
    template: str,
    recipient: str,
    dedup_key: str,
    data: dict[str, Any],
    invitation_id: int | None = None,
) -> None:
    identity = uuid4()
    statement = (
        insert(Mail)
        .values(
            id=identity,
            registration_id=registration_id,
            invitation_id=invitation_id,
            template=template,
            recipient=recipient,
            message_id=message_id(identity),
            dedup_key=dedup_key,
            data=data,
            # not the transaction's time: mails of one registration leave in the order in which they were queued
            created_at=func.clock_timestamp(),
        )
        .on_conflict_do_nothing(index_elements=[Mail.dedup_key])
        .returning(Mail.id)
    )
    if (await session.execute(statement)).scalar_one_or_none() is not None:
        await enqueue(session, Job(SEND_MAIL, identity))

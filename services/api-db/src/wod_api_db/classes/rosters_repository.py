"""Every query about what is held of people on rosters."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from wod_api_db.classes.models import Class, Invitation
from wod_api_db.mail.models import Mail
from wod_api_db.mail.states import MailState


async def of_person(session: AsyncSession, email_key: str) -> Sequence[Invitation]:
    query = (
        select(Invitation)
        .options(joinedload(Invitation.taught).joinedload(Class.workshop))
        .where(Invitation.email_key == email_key)
        .order_by(Invitation.id)
    )
    return (await session.execute(query)).scalars().all()


async def of_old_classes(session: AsyncSession, retention: timedelta, limit: int) -> Sequence[int]:
    """Invitations to classes that ended too long ago, locked; those that another worker forgets are passed over."""
    query = (
        select(Invitation.id)
        .join(Class, Class.id == Invitation.class_id)
        .where(Class.ended_at <= func.now() - retention)
        .limit(limit)
        .with_for_update(of=Invitation, skip_locked=True)
    )
    return (await session.execute(query)).scalars().all()


async def forget(session: AsyncSession, ids: Sequence[int]) -> None:
    """Nothing says any more who was invited; mails that have not left do not leave."""
    if not ids:
        return
    is_open = Mail.state.in_((MailState.QUEUED, MailState.SENDING))
    emptied = (
        update(Mail)
        .where(Mail.invitation_id.in_(ids))
        .values(
            recipient="",
            error=case((is_open, "withheld: the person's data were erased"), else_=None),
            state=case((is_open, MailState.WITHHELD), else_=Mail.state),
        )
    )
    await session.execute(emptied.execution_options(synchronize_session=False))
    gone = delete(Invitation).where(Invitation.id.in_(ids))
    await session.execute(gone.execution_options(synchronize_session=False))

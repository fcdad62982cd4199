"""The mails of a class: to whom it invites, and to its instructor when it is over."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts import repository as accounts
from wod_api_db.classes import repository
from wod_api_db.classes.models import Class, Invitation
from wod_api_db.mail.outbox import queue_for_class


async def invite(session: AsyncSession, taught: Class, invitation: Invitation) -> None:
    """With the class as it is now; when it changes the next one says so."""
    await _to(session, taught, invitation, "invitation")


async def invite_all(session: AsyncSession, taught: Class) -> None:
    for invitation in await repository.invited(session, taught.id):
        await invite(session, taught, invitation)


async def tell_end(session: AsyncSession, taught: Class) -> None:
    """Who was invited hears that there is nothing to come to; the instructor how his class went."""
    assert taught.ended_at is not None
    if taught.ended_at < taught.starts_at:
        taught.revision += 1
        for invitation in await repository.invited(session, taught.id):
            await _to(session, taught, invitation, "class-cancelled")
        return
    account = await accounts.read(session, taught.account_id) if taught.account_id is not None else None
    if account is not None:
        await queue_for_class(session, "class-ended", account.email, occasion=str(taught.id), class_id=taught.id)


async def _to(session: AsyncSession, taught: Class, invitation: Invitation, template: str) -> None:
    await queue_for_class(
        session,
        template,
        invitation.email,
        occasion=f"{invitation.id}:{taught.revision}",
        invitation_id=invitation.id,
        class_id=taught.id,
        revision=taught.revision,
    )

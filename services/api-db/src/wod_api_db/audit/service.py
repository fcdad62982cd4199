"""Writes an operator's act down, in the transaction that does it."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.models import Account
from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.models import AuditEntry


async def record(
    session: AsyncSession, claims: Claims, action: str, object_type: str, object_id: object, **data: Any
) -> None:
    """``action`` is ``<object type>.<verb>``, e.g. ``location.drain``. ``data`` is JSON without secrets."""
    # None where the account has been deleted since its token was read
    actor = select(Account.id).where(Account.id == claims.account_id).with_for_update(read=True, key_share=True)
    session.add(
        AuditEntry(
            account_id=actor.scalar_subquery(),
            username=claims.username,
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            data=data,
        )
    )
    await session.flush()

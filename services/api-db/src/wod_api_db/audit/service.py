"""Writes an operator's act down, in the transaction that does it."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.models import AuditEntry


async def record(
    session: AsyncSession, claims: Claims, action: str, object_type: str, object_id: object, **data: Any
) -> None:
    """``action`` is ``<object type>.<verb>``, e.g. ``location.drain``. ``data`` is JSON without secrets."""
    session.add(
        AuditEntry(
            account_id=claims.account_id,
            username=claims.username,
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            data=data,
        )
    )
    await session.flush()

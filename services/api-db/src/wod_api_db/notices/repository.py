"""Every query about notices."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.notices.models import Notice
from wod_api_db.searching import mentions

#: An advisory lock's number; nothing else of ours takes one with it.
_DIGEST_LOCK = 0x770D_0001


def listed(kind: str | None, wanted: str | None) -> Select[Any]:
    query = select(Notice)
    if kind is not None:
        query = query.where(Notice.kind == kind)
    return query if wanted is None else query.where(mentions(wanted, Notice.text))


async def by_ids(session: AsyncSession, ids: Sequence[int]) -> Sequence[Notice]:
    return (await session.execute(select(Notice).where(Notice.id.in_(ids)).order_by(Notice.id))).scalars().all()


async def claim_unmailed(session: AsyncSession, gap: timedelta, limit: int) -> Sequence[int]:
    """The oldest notices that no mail holds yet, marked as mailed; none while the last digest is younger than ``gap``.

    Only one worker at a time looks: of two that did, both would find the last digest old enough.
    """
    if not (await session.execute(select(func.pg_try_advisory_xact_lock(_DIGEST_LOCK)))).scalar_one():
        return []
    young = exists().where(Notice.mailed_at > func.now() - gap)
    waiting = (
        select(Notice.id)
        .where(Notice.mailed_at.is_(None), ~young)
        .order_by(Notice.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = update(Notice).where(Notice.id.in_(waiting)).values(mailed_at=func.now()).returning(Notice.id)
    return sorted((await session.execute(statement)).scalars())

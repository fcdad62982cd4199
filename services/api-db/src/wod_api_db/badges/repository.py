"""Every query about badges."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from wod_api_db.badges.models import Badge, SpecialBadge
from wod_api_db.registrations.models import Registration
from wod_api_db.workshops.models import Workshop


async def lock_address(session: AsyncSession, email_key: str) -> None:
    """Until the end of the transaction, and taken last: nobody who waits for it holds what its holder wants.

    Two sessions of one address that end together would each not see the other's badge, and both miss the special one.
    """
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"badges:{email_key}", 0))))


async def add_workshop_badge(session: AsyncSession, registration: Registration) -> bool:
    """False where the address has it already."""
    statement = (
        insert(Badge)
        .values(
            email_key=registration.email_key,
            workshop_id=registration.workshop_id,
            registration_id=registration.id,
        )
        .on_conflict_do_nothing()
        .returning(Badge.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def finished(session: AsyncSession, email_key: str) -> int:
    """How many distinct workshops."""
    query = select(func.count()).where(Badge.email_key == email_key, Badge.workshop_id.is_not(None))
    return (await session.execute(query)).scalar_one()


async def add_special_badges(session: AsyncSession, registration: Registration, count: int) -> Sequence[int]:
    """The ids of the special badges that the address did not have yet, the easiest first."""
    earned = select(
        literal(registration.email_key), SpecialBadge.id, literal(registration.id, Badge.registration_id.type)
    ).where(SpecialBadge.threshold <= count)
    statement = (
        insert(Badge)
        .from_select(["email_key", "special_badge_id", "registration_id"], earned)
        .on_conflict_do_nothing()
        .returning(Badge.special_badge_id)
    )
    return sorted(number for number in (await session.execute(statement)).scalars() if number is not None)


async def by_token(session: AsyncSession, token: UUID) -> Badge | None:
    query = select(Badge).where(Badge.token == token).options(joinedload(Badge.workshop), joinedload(Badge.special))
    return (await session.execute(query)).scalar_one_or_none()


async def earned(session: AsyncSession, registration_id: int) -> Sequence[Badge]:
    """The registration's own, the workshop's first."""
    query = (
        select(Badge)
        .where(Badge.registration_id == registration_id)
        .options(joinedload(Badge.workshop), joinedload(Badge.special))
        .order_by(Badge.id)
    )
    return (await session.execute(query)).scalars().all()


def listing(notebook: str | None, special: int | None) -> Select[Badge]:
    query = select(Badge).options(joinedload(Badge.workshop), joinedload(Badge.special))
    if notebook is not None:
        query = query.where(Badge.workshop_id.in_(select(Workshop.id).where(Workshop.notebook == notebook)))
    if special is not None:
        query = query.where(Badge.special_badge_id == special)
    return query


async def special_badges(session: AsyncSession) -> Sequence[SpecialBadge]:
    """The easiest first."""
    return (await session.execute(select(SpecialBadge).order_by(SpecialBadge.threshold))).scalars().all()


async def workshop(session: AsyncSession, notebook: str) -> Workshop | None:
    return (await session.execute(select(Workshop).where(Workshop.notebook == notebook))).scalar_one_or_none()

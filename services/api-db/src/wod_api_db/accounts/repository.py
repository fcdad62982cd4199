"""Every query about accounts."""

from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.models import Account
from wod_api_db.accounts.tokens import Claims, Role
from wod_api_db.locations.models import Location
from wod_api_db.searching import mentions


async def stands(session: AsyncSession, claims: Claims) -> bool:
    """The account is there, and as it was when the token was made."""
    query = select(Account.id).where(
        Account.id == claims.account_id,
        or_(Account.tokens_valid_after.is_(None), Account.tokens_valid_after <= claims.issued_at),
    )
    return (await session.execute(query)).scalar_one_or_none() is not None


async def by_username(session: AsyncSession, username: str) -> Account | None:
    return (await session.execute(select(Account).where(Account.username == username))).scalar_one_or_none()


async def by_subject(session: AsyncSession, subject: str) -> Account | None:
    """Its row locked: two sign-ins of one person do not change it at once."""
    query = select(Account).where(Account.subject == subject).with_for_update()
    return (await session.execute(query)).scalar_one_or_none()


def listed(role: Role | None, wanted: str | None) -> Select[Any]:
    query = select(Account)
    if wanted is not None:
        query = query.where(mentions(wanted, Account.username, Account.email))
    return query if role is None else query.where(Account.role == role)


async def read(session: AsyncSession, account_id: int) -> Account | None:
    return (await session.execute(select(Account).where(Account.id == account_id))).scalar_one_or_none()


async def lock(session: AsyncSession, account_id: int) -> Account | None:
    query = select(Account).where(Account.id == account_id).with_for_update().execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def lock_admins(session: AsyncSession) -> list[int]:
    """Every admin's id, the rows locked in one order: two admins that take each other's role wait for each other."""
    query = select(Account.id).where(Account.role == Role.ADMIN).order_by(Account.id).with_for_update()
    return list((await session.execute(query)).scalars())


async def insert_unless_taken(session: AsyncSession, values: dict[str, Any]) -> int | None:
    """The new account's id; None where its user name, or its subject, is taken."""
    statement = insert(Account).values(values).on_conflict_do_nothing().returning(Account.id)
    return (await session.execute(statement)).scalar_one_or_none()


async def location_exists(session: AsyncSession, location_id: int) -> bool:
    query = select(Location.id).where(Location.id == location_id)
    return (await session.execute(query)).scalar_one_or_none() is not None

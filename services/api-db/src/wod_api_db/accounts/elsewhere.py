"""Accounts for whom the organisation's sign-in service answers: made at the first sign-in, set right at each."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts import repository
from wod_api_db.accounts.issuer import Person
from wod_api_db.accounts.models import Account
from wod_api_db.accounts.tokens import Claims, Role
from wod_api_db.audit.service import record
from wod_common.problems import Forbidden

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._@-]")


async def account_of(session: AsyncSession, person: Person) -> Account:
    """Raises Forbidden where none of the person's groups is anything here."""
    if person.role is None:
        raise Forbidden("none of your groups has a role here; ask an administrator of the workshops")
    account = await repository.by_subject(session, person.subject) or await _made(session, person, person.role)
    if account.role is not person.role:
        account.role, account.tokens_valid_after = person.role, datetime.now(UTC)
        await record(session, _self(account), "account.change", "account", account.id, role=person.role.value)
    account.email = person.email or account.email
    await session.flush()
    return account


async def _made(session: AsyncSession, person: Person, role: Role) -> Account:
    values: dict[str, Any] = {"email": person.email, "role": role, "subject": person.subject}
    for username in _names(person):
        if await repository.insert_unless_taken(session, values | {"username": username}) is not None:
            break
    account = await repository.by_subject(session, person.subject)
    # taken by another sign-in of the same person, or made just now
    assert account is not None
    await record(session, _self(account), "account.create", "account", account.id, role=role.value, elsewhere=True)
    return account


def _names(person: Person) -> list[str]:
    """The name that the person has there; where an account of ours has it already, one that nobody can choose."""
    name = _NOT_IN_A_NAME.sub("", person.username).lstrip("._@-")[:48] or "person"
    return [name, f"{name}-{hashlib.sha256(person.subject.encode()).hexdigest()[:12]}"]


def _self(account: Account) -> Claims:
    now = datetime.now(UTC)
    return Claims(
        account_id=account.id,
        username=account.username,
        role=account.role,
        location_id=None,
        issued_at=now,
        expires_at=now,
    )

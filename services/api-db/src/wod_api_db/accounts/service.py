"""Accounts: who may be what, and what must never happen to the last admin."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts import repository
from wod_api_db.accounts.models import Account
from wod_api_db.accounts.passwords import hash_password, verify_password
from wod_api_db.accounts.schemas import AccountChange, NewAccount, PasswordChange
from wod_api_db.accounts.tokens import Claims, Role
from wod_api_db.audit.service import record
from wod_common.problems import Conflict, NotFound, Unauthorized, Unprocessable


class WrongPassword(Unprocessable):
    """The old password is another."""

    def __init__(self) -> None:
        message = "this is not the account's password; an admin can set a new one"
        super().__init__(f"old: {message}", errors=[{"field": "old", "message": message}])


async def create(session: AsyncSession, claims: Claims, request: NewAccount) -> Account:
    """Raises Unprocessable, and Conflict where the user name is taken."""
    await _check_location(session, request.role, request.location_id)
    values = request.model_dump(exclude={"password"})
    values["password_hash"] = await hash_password(request.password.get_secret_value())
    account_id = await repository.insert_unless_taken(session, values)
    if account_id is None:
        raise Conflict(f"there is an account {request.username} already; change it, or choose another user name")
    given = request.model_dump(mode="json", exclude={"password"})
    await record(session, claims, "account.create", "account", account_id, **given)
    return await get(session, account_id)


async def get(session: AsyncSession, account_id: int) -> Account:
    """Raises NotFound."""
    return _found(await repository.read(session, account_id), account_id)


async def change(session: AsyncSession, claims: Claims, account_id: int, request: AccountChange) -> Account:
    """Raises NotFound, Unprocessable, and Conflict where no admin would be left."""
    hashed = await hash_password(request.password.get_secret_value()) if request.password else None
    admins = await repository.lock_admins(session)
    account = _found(await repository.lock(session, account_id), account_id)
    role = request.role or account.role
    location = account.location_id if role is Role.AGENT and account.role is Role.AGENT else None
    location = location if request.location_id is None else request.location_id
    await _check_location(session, role, location)
    if role is not Role.ADMIN:
        check_not_last(account, admins)
    if hashed is not None or (role, location) != (account.role, account.location_id):
        account.tokens_valid_after = datetime.now(UTC)
    account.role, account.location_id = role, location
    account.email = request.email or account.email
    account.password_hash = hashed or account.password_hash
    await session.flush()
    asked = request.model_dump(mode="json", exclude={"password"}, exclude_none=True)
    await record(session, claims, "account.change", "account", account_id, **asked, password=hashed is not None)
    return account


async def delete(session: AsyncSession, claims: Claims, account_id: int) -> None:
    """Raises NotFound, and Conflict where no admin would be left."""
    admins = await repository.lock_admins(session)
    account = _found(await repository.lock(session, account_id), account_id)
    check_not_last(account, admins)
    await record(session, claims, "account.delete", "account", account_id, username=account.username)
    await session.delete(account)
    await session.flush()


async def change_own_password(session: AsyncSession, claims: Claims, request: PasswordChange) -> None:
    """Raises WrongPassword, and Unauthorized where the account has just gone."""
    hashed = await hash_password(request.new.get_secret_value())
    account = await repository.lock(session, claims.account_id)
    if account is None:
        raise Unauthorized(f"the account {claims.username} was deleted")
    if not await verify_password(request.old.get_secret_value(), account.password_hash):
        raise WrongPassword
    account.password_hash = hashed
    account.tokens_valid_after = datetime.now(UTC)
    await session.flush()
    await record(session, claims, "account.password", "account", account.id)


async def sign_out(session: AsyncSession, claims: Claims) -> None:
    """Raises Unauthorized where the account has just gone."""
    account = await repository.lock(session, claims.account_id)
    if account is None:
        raise Unauthorized(f"the account {claims.username} was deleted")
    account.tokens_valid_after = datetime.now(UTC)
    await session.flush()
    await record(session, claims, "account.sign-out", "account", account.id)


def _found(account: Account | None, account_id: int) -> Account:
    if account is None:
        raise NotFound(f"no account has the id {account_id}; GET /api/v1/accounts lists them")
    return account


async def _check_location(session: AsyncSession, role: Role, location_id: int | None) -> None:
    message = None
    if role is Role.AGENT and location_id is None:
        message = "an agent reports for one location: name its id"
    elif role is not Role.AGENT and location_id is not None:
        message = f"only an agent has a location, and this account is {role}: leave it out"
    elif location_id is not None and not await repository.location_exists(session, location_id):
        message = f"no location has the id {location_id}; GET /api/v1/locations lists them"
    if message is not None:
        raise Unprocessable(f"location_id: {message}", errors=[{"field": "location_id", "message": message}])


def check_not_last(account: Account, admins: list[int]) -> None:
    """For whoever is to be no admin any more; ``admins`` are locked. Raises Conflict."""
    if admins == [account.id]:
        raise Conflict(f"{account.username} is the last admin; make another account admin first")

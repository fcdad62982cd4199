"""``/api/login`` and ``/api/user``: accounts. The original lets anyone sign up with any role; here an admin does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from sqlalchemy import select

from wod_api_db.accounts import repository as accounts
from wod_api_db.accounts.models import Account
from wod_api_db.accounts.passwords import hash_password, verify_password
from wod_api_db.accounts.service import check_not_last
from wod_api_db.accounts.tokens import Role
from wod_api_db.app_state import SessionsDep, SettingsDep
from wod_api_db.audit.service import record
from wod_api_db.db import SessionDep
from wod_api_db.legacy import views
from wod_api_db.legacy.access import ROLES, Admin
from wod_api_db.legacy.answers import TOKEN, Answer, Empty, Message, answers, failed, flush_or_refuse, refuse
from wod_api_db.legacy.routing import Id, legacy_router
from wod_api_db.legacy.schemas import LoginAnswer, LoginRefusal, LoginRequest, NewUser, UserChange, UserRow
from wod_api_db.limits import ClientAddress, LimitsDep

router = legacy_router()

LIFETIME = timedelta(seconds=180)
_GIVEN = {Role.USER: 0, Role.MODERATOR: 1, Role.ADMIN: 2}
_LOGIN: dict[int | str, Any] = answers(refusals=(429,)) | {
    401: {"model": LoginRefusal, "description": "Name or password is wrong"}
}


@router.post("/login", responses=_LOGIN)
async def login(
    request: LoginRequest, sessions: SessionsDep, settings: SettingsDep, limits: LimitsDep, address: ClientAddress
) -> LoginAnswer:
    """A token for 180 seconds. An unknown user and a wrong password are answered alike."""
    limits.login(address, request.username)
    async with sessions() as session:
        account = await accounts.by_username(session, request.username)
    hashed = account.password_hash if account else None
    if not await verify_password(request.password.get_secret_value(), hashed) or account is None:
        limits.wrong_password(request.username)
        raise Answer(401, {"accessToken": None, "message": "Invalid Password!"})
    token = settings.access_tokens.issue(
        account.id, account.username, account.role, account.location_id, datetime.now(UTC), LIFETIME
    )
    return LoginAnswer(
        id=account.id,
        username=account.username,
        email=account.email,
        roles=ROLES[account.role],
        access_token=token,
    )


@router.get("/users", responses=answers(refusals=TOKEN))
async def list_users(session: SessionDep, _: Admin) -> list[UserRow]:
    accounts = (await session.execute(select(Account).order_by(Account.id))).scalars()
    return [views.user(account) for account in accounts]


@router.get("/users/{user_id}", responses=answers(text=400, refusals=TOKEN))
async def show_user(user_id: Id, session: SessionDep, _: Admin) -> UserRow:
    account = await session.get(Account, user_id)
    if account is None:
        raise Answer(400, "User Not Found")
    return views.user(account)


@router.post("/user", responses=answers(refusals=TOKEN))
async def add_user(user: NewUser, session: SessionDep, claims: Admin) -> Message:
    await _check_is_new(session, user.username, user.email)
    account = Account(
        username=user.username,
        email=user.email,
        role=_role(user.roles),
        password_hash=await hash_password(user.password.get_secret_value()),
    )
    await _store(session, account)
    await record(session, claims, "account.create", "account", account.id, role=account.role)
    return Message(message="User was registered successfully!")


@router.put("/user/{user_id}", responses=answers(refusals=(*TOKEN, 409)))
async def change_user(user_id: Id, change: UserChange, session: SessionDep, claims: Admin) -> UserRow:
    """With another name, role or password the account's tokens end at once."""
    hashed = await hash_password(change.password.get_secret_value()) if change.password else None
    admins = await accounts.lock_admins(session)
    account = await _locked(session, user_id)
    if change.roles is not None and (account.role not in _GIVEN or user_id == claims.account_id):
        raise refuse(HTTPStatus.CONFLICT, f"the role of {account.username} is not changed here")
    role = account.role if change.roles is None else _role(change.roles)
    if role is not Role.ADMIN:
        check_not_last(account, admins)
    name = change.username or account.username
    if hashed is not None or (role, name) != (account.role, account.username):
        account.tokens_valid_after = datetime.now(UTC)
    account.role, account.username = role, name
    account.password_hash = hashed or account.password_hash
    account.email = account.email if change.email is None else change.email
    await _store(session, account)
    await record(session, claims, "account.update", "account", user_id, fields=sorted(change.model_fields_set))
    return views.user(account)


@router.delete("/user/{user_id}", response_model=Empty, responses=answers(refusals=(*TOKEN, 409)))
async def delete_user(user_id: Id, session: SessionDep, claims: Admin) -> Empty:
    admins = await accounts.lock_admins(session)
    account = await _locked(session, user_id)
    if user_id == claims.account_id:
        raise refuse(HTTPStatus.CONFLICT, "nobody deletes his own account; another admin can")
    check_not_last(account, admins)
    await session.delete(account)
    await session.flush()
    await record(session, claims, "account.delete", "account", user_id, name=account.username)
    return Empty()


def _role(names: Sequence[str]) -> Role:
    """The highest of the roles; none is a user. Raises Answer for one that there is not, or that is no person's."""
    roles = {Role.USER}
    for name in names:
        known = name.lower().removeprefix("role_")
        if known not in set(_GIVEN):
            raise refuse(HTTPStatus.BAD_REQUEST, f"Failed! Role does not exist = {name}")
        roles.add(Role(known))
    return max(roles, key=lambda role: _GIVEN[role])


async def _check_is_new(session: SessionDep, username: str, email: str) -> None:
    query = select(Account.username).where((Account.username == username) | (Account.email == email))
    taken = set((await session.execute(query)).scalars())
    if username in taken:
        raise refuse(HTTPStatus.BAD_REQUEST, "Failed! Username is already in use!")
    if taken:
        raise refuse(HTTPStatus.BAD_REQUEST, "Failed! Email is already in use!")


async def _store(session: SessionDep, account: Account) -> None:
    """Raises Answer where another one was faster, or has the name."""
    session.add(account)
    await flush_or_refuse(session, HTTPStatus.BAD_REQUEST, "Failed! Username is already in use!")


async def _locked(session: SessionDep, user_id: int) -> Account:
    account = await accounts.lock(session, user_id)
    if account is None:
        raise failed()
    return account

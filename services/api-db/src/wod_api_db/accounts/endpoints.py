"""Logging in, and the accounts themselves."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query

from wod_api_db.accounts import elsewhere, repository, service
from wod_api_db.accounts.dependencies import Admin, Anyone
from wod_api_db.accounts.issuer import NoWord
from wod_api_db.accounts.models import Account
from wod_api_db.accounts.passwords import verify_password
from wod_api_db.accounts.schemas import (
    ACCOUNT_EXAMPLE,
    AccountChange,
    AccountView,
    LoginAnswer,
    LoginElsewhere,
    LoginRequest,
    NewAccount,
    PasswordChange,
)
from wod_api_db.accounts.tokens import Role
from wod_api_db.app_state import SessionsDep, SettingsDep
from wod_api_db.db import SessionDep
from wod_api_db.limits import ClientAddress, LimitsDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.searching import Wanted
from wod_api_db.settings import Settings
from wod_common.problems import Conflict, Forbidden, NotFound, TooManyRequests, Unauthorized, responses

router = APIRouter(prefix="/api/v1", tags=["accounts"])
AccountId = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.post("/login", responses=responses(Unauthorized, TooManyRequests))
async def login(
    request: LoginRequest, sessions: SessionsDep, settings: SettingsDep, limits: LimitsDep, address: ClientAddress
) -> LoginAnswer:
    """An access token, for a quarter of an hour unless asked otherwise. An unknown account and a wrong password are answered alike."""
    limits.login(address, request.username)
    async with sessions() as session:
        account = await repository.by_username(session, request.username)
    hashed = account.password_hash if account else None
    if not await verify_password(request.password.get_secret_value(), hashed) or account is None:
        limits.wrong_password(request.username)
        raise Unauthorized("user name or password is wrong")
    return _granted(account, settings, request.lifetime)


@router.post("/login/oidc", responses=responses(Unauthorized, Forbidden, NotFound, TooManyRequests))
async def login_elsewhere(
    request: LoginElsewhere, session: SessionDep, settings: SettingsDep, limits: LimitsDep, address: ClientAddress
) -> LoginAnswer:
    """An access token for whom the organisation's sign-in service answers; his groups there give him his role here.

    The account is made at the first sign-in. 404 where no such service is set.
    """
    if settings.issuer is None:
        raise NotFound("no sign-in service is set; set WOD_API_OIDC_ISSUER, or log in at /api/v1/login")
    limits.login(address, "")
    try:
        person = await settings.issuer.read(request.id_token.get_secret_value(), request.nonce)
    except NoWord as error:
        raise Unauthorized(str(error)) from error
    return _granted(await elsewhere.account_of(session, person), settings, request.lifetime)


def _granted(account: Account, settings: Settings, seconds: int) -> LoginAnswer:
    token = settings.access_tokens.issue(
        account.id, account.username, account.role, account.location_id, datetime.now(UTC), timedelta(seconds=seconds)
    )
    return LoginAnswer(access_token=token, expires_in=seconds, username=account.username, role=account.role)


@router.get("/accounts", responses=page_example(ACCOUNT_EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_accounts(
    session: SessionDep,
    _: Admin,
    position: PositionDep,
    role: Annotated[Role | None, Query()] = None,
    wanted: Wanted = None,
) -> Page[AccountView]:
    """The accounts of operators and agents, the newest first."""
    rows, following = await page_of(session, repository.listed(role, wanted), Account.id, position)
    return Page(items=[AccountView.model_validate(row) for row in rows], next=following)


@router.post("/accounts", status_code=201, responses=responses(Unauthorized, Forbidden, Conflict))
async def create_account(request: NewAccount, session: SessionDep, admin: Admin) -> AccountView:
    """A new account for an operator or an agent."""
    return AccountView.model_validate(await service.create(session, admin, request))


@router.get("/accounts/{account_id}", responses=responses(Unauthorized, Forbidden, NotFound))
async def show_account(account_id: AccountId, session: SessionDep, _: Admin) -> AccountView:
    """One account."""
    return AccountView.model_validate(await service.get(session, account_id))


@router.patch("/accounts/{account_id}", responses=responses(Unauthorized, Forbidden, NotFound, Conflict))
async def change_account(
    account_id: AccountId, request: AccountChange, session: SessionDep, admin: Admin
) -> AccountView:
    """Changes role, location, address or password. With another role, location or password its tokens end at once."""
    return AccountView.model_validate(await service.change(session, admin, account_id, request))


@router.delete(
    "/accounts/{account_id}", status_code=204, responses=responses(Unauthorized, Forbidden, NotFound, Conflict)
)
async def delete_account(account_id: AccountId, session: SessionDep, admin: Admin) -> None:
    """Deletes the account, and with it its tokens. The last admin stays."""
    await service.delete(session, admin, account_id)


@router.post("/accounts/me/password", status_code=204, responses=responses(Unauthorized, Forbidden, TooManyRequests))
async def change_own_password(request: PasswordChange, session: SessionDep, claims: Anyone, limits: LimitsDep) -> None:
    """Sets a new password for the caller's own account; its tokens end at once, this one too."""
    limits.check_guesses(claims.username)
    try:
        await service.change_own_password(session, claims, request)
    except service.WrongPassword:
        limits.wrong_password(claims.username)
        raise


@router.post("/accounts/me/sign-out", status_code=204, responses=responses(Unauthorized, Forbidden))
async def sign_out(session: SessionDep, claims: Anyone) -> None:
    """Ends every token of the caller's account, this one too: for a device that was lost or left open."""
    await service.sign_out(session, claims)

"""Logging in."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy import select

from wod_api_db.accounts.models import Account
from wod_api_db.accounts.passwords import verify_password
from wod_api_db.accounts.tokens import LIFETIME, Role
from wod_api_db.app_state import SessionsDep, SettingsDep
from wod_common.problems import Unauthorized, responses

router = APIRouter(prefix="/api/v1", tags=["accounts"])


class LoginRequest(BaseModel):
    username: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
    password: Annotated[SecretStr, Field(max_length=200)]


class LoginAnswer(BaseModel):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - RFC 6750's word
    expires_in: int
    username: str
    role: Role


@router.post("/login", responses=responses(Unauthorized))
async def login(request: LoginRequest, sessions: SessionsDep, settings: SettingsDep) -> LoginAnswer:
    """An access token for a quarter of an hour. An unknown account and a wrong password are answered alike."""
    async with sessions() as session:
        found = await session.execute(select(Account).where(Account.username == request.username))
        account = found.scalar_one_or_none()
    hashed = account.password_hash if account else None
    if not await verify_password(request.password.get_secret_value(), hashed) or account is None:
        raise Unauthorized("user name or password is wrong")
    token = settings.access_tokens.issue(
        account.id, account.username, account.role, account.location_id, datetime.now(UTC)
    )
    return LoginAnswer(
        access_token=token,
        expires_in=int(LIFETIME.total_seconds()),
        username=account.username,
        role=account.role,
    )

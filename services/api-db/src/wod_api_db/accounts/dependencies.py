"""Who calls: the account behind the access token, and what its role may do."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts import repository
from wod_api_db.accounts.tokens import Claims, InvalidAccessToken, Role
from wod_api_db.app_state import SettingsDep
from wod_api_db.db import SessionDep
from wod_api_db.settings import Settings
from wod_common.bearer import Credentials
from wod_common.problems import Forbidden, Unauthorized


async def current_claims(session: AsyncSession, settings: Settings, token: str) -> Claims:
    """Whom the token speaks for. Raises InvalidAccessToken.

    The account is looked up with each call: one that was deleted or changed is out at once, not after a quarter of an
    hour.
    """
    claims = settings.access_tokens.read(token)
    if not await repository.stands(session, claims):
        raise InvalidAccessToken(f"the account {claims.username} was changed or deleted; log in again")
    return claims


async def _claims(credentials: Credentials, settings: SettingsDep, session: SessionDep) -> Claims:
    if credentials is None:
        raise Unauthorized(
            "log in at /api/v1/login and send Authorization: Bearer", headers={"WWW-Authenticate": "Bearer"}
        )
    try:
        return await current_claims(session, settings, credentials.credentials)
    except InvalidAccessToken as error:
        raise Unauthorized(str(error), headers={"WWW-Authenticate": "Bearer"}) from error


def _require(*roles: Role) -> Callable[[Claims], Awaitable[Claims]]:
    async def check(claims: Annotated[Claims, Depends(_claims)]) -> Claims:
        if claims.role not in roles:
            raise Forbidden(f"this needs the role {' or '.join(roles)}; {claims.username} is {claims.role}")
        return claims

    return check


Admin = Annotated[Claims, Depends(_require(Role.ADMIN))]
Moderator = Annotated[Claims, Depends(_require(Role.MODERATOR, Role.ADMIN))]
Instructor = Annotated[Claims, Depends(_require(Role.INSTRUCTOR, Role.MODERATOR, Role.ADMIN))]
Agent = Annotated[Claims, Depends(_require(Role.AGENT))]
Anyone = Annotated[Claims, Depends(_claims)]

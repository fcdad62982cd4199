"""Who calls: the token of ``POST /login``, in the original's header or in the usual one."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from fastapi.security import APIKeyHeader

from wod_api_db.accounts.dependencies import current_claims
from wod_api_db.accounts.tokens import Claims, InvalidAccessToken, Role
from wod_api_db.app_state import SettingsDep
from wod_api_db.db import SessionDep
from wod_api_db.legacy.answers import refuse
from wod_common.bearer import Credentials

_LegacyToken = Annotated[str | None, Depends(APIKeyHeader(name="x-access-token", auto_error=False))]


async def _known(token: _LegacyToken, bearer: Credentials, session: SessionDep, settings: SettingsDep) -> Claims:
    """The account as it is now: a token of one that is gone, or is no longer what it was, opens nothing."""
    given = token or (bearer.credentials if bearer else None)
    if not given:
        raise refuse(HTTPStatus.FORBIDDEN, "No token provided!")
    try:
        return await current_claims(session, settings, given)
    except InvalidAccessToken as error:
        raise refuse(HTTPStatus.UNAUTHORIZED, "Unauthorized!") from error


def _require(message: str, *roles: Role) -> Callable[[Claims], Awaitable[Claims]]:
    async def check(claims: Annotated[Claims, Depends(_known)]) -> Claims:
        if claims.role not in roles:
            raise refuse(HTTPStatus.FORBIDDEN, message)
        return claims

    return check


Known = Annotated[Claims, Depends(_known)]
Admin = Annotated[Claims, Depends(_require("Require Admin Role!", Role.ADMIN))]
Moderator = Annotated[Claims, Depends(_require("Require Moderator or Admin Role!", Role.MODERATOR, Role.ADMIN))]

#: An agent's account speaks the native API; here it has no role, and an instructor's none of its own.
ROLES: dict[Role, list[str]] = {
    Role.USER: ["ROLE_USER"],
    Role.INSTRUCTOR: ["ROLE_USER"],
    Role.MODERATOR: ["ROLE_USER", "ROLE_MODERATOR"],
    Role.ADMIN: ["ROLE_USER", "ROLE_ADMIN"],
    Role.AGENT: [],
}

"""Who calls: the account behind the access token, and what its role may do."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends

from wod_api_db.accounts.tokens import Claims, InvalidAccessToken, Role
from wod_api_db.app_state import SettingsDep
from wod_common.bearer import Credentials
from wod_common.problems import Forbidden, Unauthorized


async def _claims(credentials: Credentials, settings: SettingsDep) -> Claims:
    if credentials is None:
        raise Unauthorized(
            "log in at /api/v1/login and send Authorization: Bearer", headers={"WWW-Authenticate": "Bearer"}
        )
    try:
        return settings.access_tokens.read(credentials.credentials)
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
Agent = Annotated[Claims, Depends(_require(Role.AGENT))]

"""Service tokens on HTTP calls between the services."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from wod_common.problems import Unauthorized

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def require_token(*tokens: SecretStr | None) -> Callable[[Credentials], Awaitable[None]]:
    """A FastAPI dependency that lets only callers with one of ``tokens`` pass; compared in constant time.

    None stands for a second token that is not set.
    """
    known = [token.get_secret_value().encode() for token in tokens if token]

    async def check(credentials: Credentials) -> None:
        given = credentials.credentials.encode() if credentials else b""
        if not any(hmac.compare_digest(given, token) for token in known):
            raise Unauthorized(
                "this call needs the service's token in the header Authorization: Bearer",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check

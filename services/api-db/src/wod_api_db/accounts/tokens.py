"""Access tokens of accounts: HS256 JWTs that only the api-db makes and reads, good for 15 minutes unless said otherwise."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, ValidationError, model_validator

from wod_common.rotation import taken
from wod_common.sealing import derive_key

LIFETIME = timedelta(minutes=15)
ISSUER = "wod-api-db"
AUDIENCE = "wod-api"


class Role(StrEnum):
    """What an account may do; an instructor sees his own classes alone, an agent reports for its own location alone."""

    USER = "user"
    INSTRUCTOR = "instructor"
    MODERATOR = "moderator"
    ADMIN = "admin"
    AGENT = "agent"


class InvalidAccessToken(Exception):
    """The token proves nothing; the message says why and may be shown to the caller."""


class Claims(BaseModel):
    """Whom a token speaks for. ``location_id`` is an agent's location and nobody else's."""

    model_config = ConfigDict(frozen=True)

    account_id: int
    username: str
    role: Role
    location_id: int | None
    issued_at: AwareDatetime
    expires_at: AwareDatetime

    @model_validator(mode="after")
    def _agents_have_a_location(self) -> "Claims":
        if (self.role is Role.AGENT) != (self.location_id is not None):
            raise ValueError("an agent's account has a location, no other has one")
        return self


@dataclass(frozen=True)
class AccessTokens:
    """Issues and reads tokens under a key derived from the service's secret."""

    secret: SecretStr
    #: its tokens are read as well
    other: SecretStr | None = None

    @property
    def _keys(self) -> list[bytes]:
        return [derive_key(secret, "access tokens") for secret in taken(self.secret, self.other)]

    def issue(
        self,
        account_id: int,
        username: str,
        role: Role,
        location_id: int | None,
        now: datetime,
        lifetime: timedelta = LIFETIME,
    ) -> str:
        """Raises ValidationError where the role and the location do not go together."""
        expires = now + lifetime
        claims = Claims(
            account_id=account_id,
            username=username,
            role=role,
            location_id=location_id,
            issued_at=now,
            expires_at=expires,
        )
        return jwt.encode(
            {
                "iss": ISSUER,
                "aud": AUDIENCE,
                # with its fraction: a change of the account is compared with it
                "iat": now.timestamp(),
                "exp": expires,
                "sub": str(account_id),
                "username": claims.username,
                "role": claims.role.value,
                "location": claims.location_id,
            },
            self._keys[0],
            "HS256",
        )

    def read(self, token: str) -> Claims:
        """Raises InvalidAccessToken."""
        try:
            claims = self._decode(token)
            return Claims(
                account_id=claims["sub"],
                username=claims["username"],
                role=claims["role"],
                location_id=claims["location"],
                issued_at=claims["iat"],
                expires_at=claims["exp"],
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidAccessToken("the access token has expired; log in again") from error
        except (jwt.InvalidTokenError, ValidationError, KeyError) as error:
            raise InvalidAccessToken("the access token is not valid; log in again") from error

    def _decode(self, token: str) -> dict[str, Any]:
        *others, last = self._keys
        for key in others:
            with suppress(jwt.InvalidSignatureError):
                return _decode(token, key)
        return _decode(token, last)


def _decode(token: str, key: bytes) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=["HS256"],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"require": ["iss", "aud", "iat", "exp", "sub"]},
    )
    return claims

"""The organisation's own sign-in service (OpenID Connect): reads what it has signed, and trusts nobody who hands it over.

Its keys are asked for when one is not known, at most once a minute: a stranger with made-up keys must not have us ask.
"""

import hmac
import time
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from pydantic import AnyHttpUrl, BaseModel, ValidationError

from wod_api_db.accounts.tokens import Role

#: Signatures that only the service can make; one with a shared secret is not among them.
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
LEEWAY_SECONDS = 60
KEYS_AGAIN_SECONDS = 60.0
#: The highest first: who is in several groups has the most that they give.
_ORDER = (Role.ADMIN, Role.MODERATOR, Role.INSTRUCTOR)


def outwards() -> httpx.AsyncClient:
    """For the questions to the service."""
    return httpx.AsyncClient(timeout=10)


class NoWord(Exception):
    """The token is not the service's for us, or the service does not answer; the message may be shown."""


class _Description(BaseModel):
    """What counts here of OpenID Connect Discovery 1.0."""

    issuer: str
    jwks_uri: AnyHttpUrl


@dataclass(frozen=True)
class Person:
    """``subject`` is one person's for ever; the names may change."""

    subject: str
    username: str
    email: str
    role: Role | None


class Issuer:
    """One service, and which of its groups are what here."""

    def __init__(self, address: str, client_id: str, claim: str, roles: dict[str, Role]) -> None:
        self._address = address.rstrip("/")
        self._client_id = client_id
        self._claim = claim
        self._roles = roles
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at: float | None = None

    async def read(self, token: str, nonce: str) -> Person:
        """Raises NoWord."""
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid", ""))
            claims = jwt.decode(
                token,
                key.key,
                algorithms=ALGORITHMS,
                audience=self._client_id,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
            )
        except jwt.PyJWTError as error:
            raise NoWord("the ID token is not valid; sign in again") from error
        self._check(claims, nonce)
        return self._person(claims)

    def _check(self, claims: dict[str, Any], nonce: str) -> None:
        if str(claims["iss"]).rstrip("/") != self._address:
            raise NoWord("the ID token is another service's")
        if claims.get("azp", self._client_id) != self._client_id:
            raise NoWord("the ID token was made for another application")
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise NoWord("the ID token belongs to another sign-in; begin again")

    def _person(self, claims: dict[str, Any]) -> Person:
        subject = str(claims["sub"])
        email = str(claims.get("email") or "")
        name = str(claims.get("preferred_username") or email or subject)
        return Person(f"{self._address}#{subject}", name, email, self._role(claims.get(self._claim)))

    def _role(self, groups: Any) -> Role | None:
        named = groups if isinstance(groups, list) else [groups]
        given = {self._roles[group] for group in named if isinstance(group, str) and group in self._roles}
        return next((role for role in _ORDER if role in given), None)

    async def _key(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys and self._may_ask():
            self._asked_at = time.monotonic()
            self._keys = await self._current_keys()
        if kid not in self._keys:
            raise NoWord("the ID token is signed with a key that its service does not name; sign in again")
        return self._keys[kid]

    def _may_ask(self) -> bool:
        return self._asked_at is None or time.monotonic() - self._asked_at >= KEYS_AGAIN_SECONDS

    async def _current_keys(self) -> dict[str, jwt.PyJWK]:
        try:
            async with outwards() as client:
                described = await client.get(f"{self._address}/.well-known/openid-configuration")
                description = _Description.model_validate_json(described.content)
                if description.issuer.rstrip("/") != self._address:
                    raise NoWord(f"the sign-in service calls itself {description.issuer}, not {self._address}")
                keys = await client.get(str(description.jwks_uri))
                found = jwt.PyJWKSet.from_dict(keys.json())
        except (httpx.HTTPError, ValidationError, ValueError, jwt.PyJWTError) as error:
            self._asked_at = None
            raise NoWord("the sign-in service does not answer; try again in a minute") from error
        return {key.key_id or "": key for key in found.keys if key.public_key_use in {None, "sig"}}

"""Signed command tokens: EdDSA JWTs that only the api-db can make and everyone else can check.

The private key is a PKCS#8 PEM file at the api-db; gates get the public half as a JWKS file (RFC 7517),
which may hold two keys while one is rotated. A key's id is its RFC 7638 thumbprint.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import ValidationError

from wod_common.commands import Command

#: The header of a command mail that carries its token.
TOKEN_HEADER = "X-WoD-Command"  # noqa: S105 - a header's name
ISSUER = "wod-api-db"
#: A mail is read seconds after it was signed; a relay that defers it has the token minted afresh.
LIFETIME = timedelta(minutes=10)
#: How far the clocks of two hosts may be apart.
LEEWAY = timedelta(minutes=2)


class InvalidToken(Exception):
    """The token proves nothing; the message says which check failed and may be shown to the sender."""


def audience(location: int) -> str:
    return f"wod-location-{location}"


def _public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}
    # RFC 7638: the required members only, in lexical order, no white space
    digest = hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
    return jwk | {"kid": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), "alg": "EdDSA", "use": "sig"}


def generate_private_pem() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True)
class CommandSigner:
    """The api-db's half."""

    key: Ed25519PrivateKey

    @classmethod
    def from_pem(cls, pem: str) -> "CommandSigner":
        key = load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"a command key is an Ed25519 private key in PEM, not {type(key).__name__}")
        return cls(key)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        return {"keys": [_public_jwk(self.key.public_key())]}

    def sign(self, command: Command, *, now: datetime | None = None) -> str:
        issued = now or datetime.now(UTC)
        claims = command.model_dump(mode="json", include=_CLAIMED) | {
            "iss": ISSUER,
            "aud": audience(command.location),
            "jti": str(command.id),
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        return jwt.encode(claims, self.key, "EdDSA", {"kid": _public_jwk(self.key.public_key())["kid"]})


_CLAIMED = {"verb", "student", "registration", "generation", "sequence", "workshop", "last", "first_seat", "trace"}


@dataclass(frozen=True)
class CommandVerifier:
    """A gate's half: the public keys by id, and the location whose commands are taken."""

    keys: Mapping[str, jwt.PyJWK]
    location: int

    @classmethod
    def from_jwks(cls, document: str, location: int) -> "CommandVerifier":
        keys = jwt.PyJWKSet.from_json(document).keys
        return cls({key.key_id: key for key in keys if key.key_id}, location)

    def verify(self, token: str) -> Command:
        """The command that the token proves. Raises InvalidToken."""
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            if kid not in self.keys:
                raise InvalidToken("the token's key is not known here")
            claims: dict[str, Any] = jwt.decode(
                token,
                self.keys[kid],
                algorithms=["EdDSA"],
                audience=audience(self.location),
                issuer=ISSUER,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "aud", "iss", "jti"]},
            )
            return Command(
                id=UUID(claims["jti"]), location=self.location, **{name: claims.get(name) for name in _CLAIMED}
            )
        except jwt.InvalidTokenError as error:
            raise InvalidToken(f"the token is not valid: {error}") from error
        except (ValidationError, ValueError) as error:
            raise InvalidToken("the token is signed but its claims are no command") from error

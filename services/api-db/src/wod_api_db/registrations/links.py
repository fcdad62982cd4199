"""Personal tokens: ``<registration id>-<mac>``. The database holds the nonce, so a stolen dump opens no page."""

import base64
import hmac
import re
from collections.abc import Iterable

_TOKEN = re.compile(r"([1-9][0-9]{0,17})-([A-Za-z0-9_-]{32})")


def personal_token(key: bytes, registration: int, nonce: str) -> str:
    mac = hmac.digest(key, f"{registration}:{nonce}".encode(), "sha256")[:24]
    return f"{registration}-{base64.urlsafe_b64encode(mac).decode()}"


def browser_key(key: bytes, registration: int, nonce: str) -> str:
    """Given once, to the browser that registered: the mailed link alone does not let its reader change the address."""
    mac = hmac.digest(key, f"{registration}:{nonce}".encode(), "sha256")[:24]
    return base64.urlsafe_b64encode(mac).decode()


def registration_of(token: str) -> int | None:
    """The registration that a token claims to be for; None where it has not the form of one."""
    match = _TOKEN.fullmatch(token)
    return int(match[1]) if match else None


def is_valid(keys: Iterable[bytes], token: str, registration: int, nonce: str) -> bool:
    """Under any of the keys: while the secret is exchanged there are two."""
    return any(hmac.compare_digest(token.encode(), personal_token(key, registration, nonce).encode()) for key in keys)

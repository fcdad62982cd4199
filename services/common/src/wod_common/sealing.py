"""Secrets at rest: a seat's password in the journal and in the database."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class CannotOpen(Exception):
    """The text was not sealed with this secret."""


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF, RFC 5869): one service secret serves several uses without linking them."""
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())


class Sealer:
    """Authenticated encryption of short texts; seals with the first secret, opens what was sealed with any."""

    def __init__(self, secret: str, purpose: str, *others: str) -> None:
        keys = (base64.urlsafe_b64encode(derive_key(each, purpose)) for each in (secret, *others))
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise CannotOpen("sealed with another secret, or damaged") from error

    def reseal(self, sealed: str) -> str:
        """The same text under the first secret. Raises CannotOpen."""
        return self.seal(self.open(sealed))

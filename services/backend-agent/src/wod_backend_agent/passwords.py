"""The seats' passwords: made here, kept as Argon2 hashes, checked for the hub."""

import secrets
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

#: Nothing that a visitor takes for another sign when he types it from a mail: no 0 O o, 1 l I.
ALPHABET: Final = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH: Final = 16

#: OWASP's minimum for Argon2id (19 MiB, two passes): the passwords are random, 93 bits, and live for hours.
_hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))


def new_password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def hash_password(password: str) -> str:
    """Takes about 80 ms of a core: call it in a thread."""
    return _hasher.hash(password)


def verify_password(password: str, hashed: str) -> bool:
    """Takes about 80 ms of a core: call it in a thread."""
    return _hasher.verify(password, hashed)

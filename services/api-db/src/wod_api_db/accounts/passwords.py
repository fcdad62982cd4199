"""Passwords of accounts: Argon2id with the parameters of OWASP's minimum (19 MiB, 2 passes), about 0.1 s each.

Hashing runs in a thread, since it would hold the event loop for as long.
"""

import asyncio
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))


@cache
def _decoy() -> str:
    return _HASHER.hash("no account has this hash")


def _verify(password: str, hashed: str | None) -> bool:
    decoy = _decoy()
    matches = _HASHER.verify(password, hashed or decoy)
    return matches and hashed is not None


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password is the account's. ``hashed`` is None for an unknown account: it costs the same work,
    so that the time of an answer does not tell which accounts exist."""
    return await asyncio.to_thread(_verify, password, hashed)

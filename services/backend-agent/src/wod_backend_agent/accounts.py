"""Seats that are Linux accounts: what the target is told of them."""

import ctypes
import pwd
import secrets
import string
from dataclasses import dataclass
from threading import Lock
from typing import Any

from pydantic import SecretStr

#: SHA-512, which the PAM of every distribution checks; a salt of 16 signs of this alphabet.
_METHOD = "$6$"
_SALT = string.ascii_letters + string.digits + "./"
#: The second is Fedora's and its descendants'.
_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")
#: crypt(3) answers in a place of its own, the same for every caller.
_answer = Lock()


@dataclass(frozen=True)
class LinuxAccounts:
    """``automation`` gets access to the homes, where the target has setfacl."""

    automation: str | None = None

    def opened(self, password: SecretStr) -> dict[str, Any]:
        return {"automation": self.automation, "password_hash": crypt_hash(password.get_secret_value())}

    def closed(self) -> dict[str, Any]:
        return {"automation": self.automation}


def uid_here(username: str) -> int | None:
    """None where this host has no such account, or not yet."""
    try:
        return pwd.getpwnam(username).pw_uid
    except KeyError:
        return None


def crypt_hash(password: str) -> str:
    """For /etc/shadow: only this, not the password, goes to the target. Raises OSError on a host without libcrypt."""
    salt = _METHOD + "".join(secrets.choice(_SALT) for _ in range(16))
    crypt = _libcrypt().crypt
    crypt.restype = ctypes.c_char_p
    with _answer:
        hashed: bytes | None = crypt(password.encode(), salt.encode())
        if not hashed or not hashed.startswith(salt.encode()):
            raise OSError("libcrypt makes no SHA-512 hash")
        return hashed.decode("ascii")


def _libcrypt() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise OSError(f"none of {', '.join(_LIBRARIES)} is here: install libcrypt")

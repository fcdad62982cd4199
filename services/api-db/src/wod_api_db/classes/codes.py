"""Join codes: eight letters and digits that are not mistaken for each other, 40 bits, as ``K7QM-2XRD``."""

import re
import secrets

#: Without 0, 1, I and O.
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH = 8
_IGNORED = re.compile(r"[\s-]+")
_CODE = re.compile(f"[{_LETTERS}]{{{LENGTH}}}")


def new_code() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))


def written(code: str) -> str:
    """As it is shown."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def read(text: str) -> str | None:
    """A code as it is stored, however it was typed; None for what is none."""
    code = _IGNORED.sub("", text).upper()
    return code if _CODE.fullmatch(code) else None

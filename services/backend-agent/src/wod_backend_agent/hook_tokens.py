"""What a ``create`` hook hands over to the templates."""

import os
import re
import stat
from pathlib import Path

LARGEST_BYTES = 64 * 1024
_LINE = re.compile(r"([A-Z][A-Z0-9_]{0,63})=(.{0,4096})")
#: What the agent says of the seat is not a hook's to change.
RESERVED = frozenset({"STDID", "PASSSTU", "MODEWS", "WODRTARGET", "HTTPPORT", "SSHPORT"})


class WrongTokens(Exception):
    """Names the line and quotes nothing of it; ``secrets`` is what must not be shown of the file."""

    def __init__(self, reason: str, secrets: dict[str, str]) -> None:
        super().__init__(reason)
        self.secrets = secrets


def read_tokens(path: Path) -> dict[str, str]:
    """Lines ``NAME=value``, empty lines between them. Raises WrongTokens."""
    tokens: dict[str, str] = {}
    wrong = ""
    for number, line in enumerate(_text(path).splitlines(), 1):
        matched = _LINE.fullmatch(line)
        if matched:
            tokens[matched[1]] = matched[2]
        elif line:
            tokens[f"line {number}"] = line.partition("=")[2] or line
            wrong = wrong or f"line {number} is not NAME=value, a name of capital letters, digits and _"
    if taken := sorted(tokens.keys() & RESERVED):
        wrong = wrong or f"{', '.join(taken)} is the agent's to say; take another name"
    if wrong:
        raise WrongTokens(wrong, tokens)
    return tokens


def _text(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise WrongTokens(f"its file cannot be read: {error.strerror}", {}) from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise WrongTokens("its file is no plain file any more", {})
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise WrongTokens(f"more than {LARGEST_BYTES // 1024} KiB", {})
    return data.decode("utf-8", "replace")

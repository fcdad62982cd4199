"""Reading a ``wod.yml``: plain YAML 1.1 of one level, with the line of every key.

The values that more than one service reads are read here too: flags, the range, names of scripts.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from wod_common.plain_yaml import Document, decode

FILE = "wod.yml"
LAST_STUDENT = 999_999

_KIND = "a wod.yml holds a card's text, no more"
_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_INTERVAL = re.compile(r"([0-9]{1,6})[ ]*-[ ]*([0-9]{1,6})")


@dataclass(frozen=True)
class Entry:
    """A key's value and the line its key stands on."""

    value: Any
    line: int


class SeatRange(NamedTuple):
    """The first and the last student number, inclusive, within the location."""

    first: int
    last: int

    @property
    def seats(self) -> int:
        return self.last - self.first + 1


def read_metadata(data: bytes) -> dict[str, Entry]:
    """The top-level keys of a ``wod.yml``. Raises MalformedYaml."""
    text = "\n".join(map(_without_stray_tabs, decode(data, _KIND).split("\n")))
    document = Document(text, _KIND)
    return {key: Entry(document.value(node), line) for key, (line, node) in document.keys(document.root).items()}


def _without_stray_tabs(line: str) -> str:
    """Authors put tabs after a key or at a line's end, where YAML takes none."""
    key, colon, value = line.rstrip(" \t").partition(":")
    if colon and value[:1] in {" ", "\t"} and key.isidentifier():
        return f"{key}: {value.lstrip()}"
    return key + colon + value


def flag(value: Any) -> bool:
    """Raises ValueError."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise ValueError("write true or false")


def script_names(value: Any) -> tuple[str, ...]:
    """``false``, or names of scripts: one text split at commas, or a list. A name is no path: scripts run as root.

    Raises ValueError.
    """
    if value is None or value is False or value in ("", "false"):
        return ()
    items = [item for item in value.split(",") if item.strip()] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise ValueError("write false, or names of scripts separated by commas")  # noqa: TRY004 - one kind of error, about a value
    names = tuple(item.strip() if isinstance(item, str) else "" for item in items)
    if not all(_SCRIPT.fullmatch(name) for name in names):
        raise ValueError("write file names separated by commas, without folders")
    return names


def seat_range(value: Any) -> SeatRange:
    """``[1, 6]``; also ``['1981-1985']`` and ``1981-1985``, as older workshops have it. Raises ValueError."""
    pair = value if isinstance(value, list) else [value]
    if len(pair) == 1 and isinstance(pair[0], str) and (match := _INTERVAL.fullmatch(pair[0].strip())):
        pair = [int(number) for number in match.groups()]
    if len(pair) != 2 or any(isinstance(number, bool) or not isinstance(number, int) for number in pair):
        raise ValueError("write the first and the last student number, such as [1, 6]")
    first, last = pair
    if not 1 <= first <= last <= LAST_STUDENT:
        raise ValueError(f"the first number must be at least 1, the last no smaller and at most {LAST_STUDENT}")
    return SeatRange(first, last)

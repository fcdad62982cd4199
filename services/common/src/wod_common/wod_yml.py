"""Reading a ``wod.yml``: plain YAML 1.1 of one level, with the line of every key.

An author's file is hostile input: it is read by a loader that knows scalars and lists only. Anchors, aliases, tags
and deep nesting are refused, since nothing in a ``wod.yml`` needs them and each is a way to exhaust or mislead us.

The values that more than one service reads are read here too: flags, the range, names of scripts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

FILE = "wod.yml"
MAX_BYTES = 64 * 1024
LAST_STUDENT = 999_999
#: A list inside a list is already more than any key takes.
MAX_DEPTH = 4
#: More than anybody needs, and few enough to say something about each.
MAX_KEYS = 200


_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_INTERVAL = re.compile(r"([0-9]{1,6})[ ]*-[ ]*([0-9]{1,6})")


class MalformedMetadata(Exception):
    """The file is not the YAML we take; ``line`` counts from 1, or is None where the whole file is meant."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


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


class _PlainLoader(yaml.SafeLoader):
    """SafeLoader without what surprises: YAML 1.1 would read ``010`` as 8, ``1:30`` as 90 and a day as a date."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        peek: Callable[[], Any] = self.peek_event
        event = peek()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise MalformedMetadata("anchors (&) and aliases (*) are not taken; write the value out", line)
        if getattr(event, "tag", None):
            raise MalformedMetadata(f"the tag {event.tag[:80]!r} is not taken; write the plain value", line)
        if self.depth > MAX_DEPTH:
            raise MalformedMetadata(f"nested deeper than {MAX_DEPTH} levels; every key takes a value or a list", line)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


_PlainLoader.yaml_implicit_resolvers = {}
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:yes|no|true|false|on|off)$", re.IGNORECASE), list("yYnNtTfFoO")
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]{0,8})$"), list("-0123456789")
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?[0-9]{1,9}\.[0-9]{1,9}$"), list("-0123456789")
)


def read_metadata(data: bytes) -> dict[str, Entry]:
    """The top-level keys of a ``wod.yml``. Raises MalformedMetadata."""
    text = "\n".join(map(_without_stray_tabs, _decode(data).split("\n")))
    try:
        loader = _PlainLoader(text)
        try:
            return _entries(loader, loader.get_single_node())
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise MalformedMetadata(f"holds the control character U+{error.character:04X}; remove it", line) from error
    except yaml.MarkedYAMLError as error:
        raise MalformedMetadata(*_explain(error)) from error


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise MalformedMetadata(f"larger than {MAX_BYTES // 1024} KiB; a wod.yml holds a card's text, no more")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MalformedMetadata("not UTF-8; save the file in that encoding", line) from error


def _without_stray_tabs(line: str) -> str:
    """Authors put tabs after a key or at a line's end, where YAML takes none."""
    key, colon, value = line.rstrip(" \t").partition(":")
    if colon and value[:1] in {" ", "\t"} and key.isidentifier():
        return f"{key}: {value.lstrip()}"
    return key + colon + value


def _explain(error: yaml.MarkedYAMLError) -> tuple[str, int | None]:
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    way_out = "write blanks, not tabs" if r"'\t'" in said else "put text that holds ': ' or '#' in quotes"
    return f"not valid YAML: {said}; {way_out}", mark.line + 1 if mark else None


def _entries(loader: _PlainLoader, root: yaml.Node | None) -> dict[str, Entry]:
    if not isinstance(root, yaml.MappingNode):
        raise MalformedMetadata(
            "not a list of keys; write one 'key: value' a line", root.start_mark.line + 1 if root else None
        )
    entries: dict[str, Entry] = {}
    for key_node, value_node in root.value:
        line = key_node.start_mark.line + 1
        if len(entries) == MAX_KEYS:
            raise MalformedMetadata(f"more than {MAX_KEYS} keys; a wod.yml holds a card's text, no more", line)
        if not isinstance(key_node, yaml.ScalarNode):
            raise MalformedMetadata("a key is a single word", line)
        key = key_node.value
        if key in entries:
            where = f"{key[:80]!r} stands already on line {entries[key].line}"
            raise MalformedMetadata(f"{where}; keep one of the two", line)
        entries[key] = Entry(_plain(loader, value_node), line)
    return entries


def _plain(loader: _PlainLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        raise MalformedMetadata("keys below a key are not taken; write a value or a list", node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, item) for item in node.value]
    return loader.construct_object(node)


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

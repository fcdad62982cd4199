"""Plain YAML out of strangers' hands: scalars, lists and keys, each with its line.

Such a file is hostile input. Anchors, aliases, tags and deep nesting are refused, since nothing in it needs them and
each is a way to exhaust or mislead us.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml

MAX_BYTES = 64 * 1024
#: A list inside a list is already more than any key takes.
MAX_DEPTH = 4
#: More than anybody needs, and few enough to say something about each.
MAX_KEYS = 200


class MalformedYaml(Exception):
    """The file is not the YAML we take; ``line`` counts from 1, or is None where the whole file is meant."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class _PlainLoader(yaml.SafeLoader):
    """SafeLoader without what surprises: YAML 1.1 would read ``010`` as 8, ``1:30`` as 90 and a day as a date."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        peek: Callable[[], Any] = self.peek_event
        event = peek()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise MalformedYaml("anchors (&) and aliases (*) are not taken; write the value out", line)
        if getattr(event, "tag", None):
            raise MalformedYaml(f"the tag {event.tag[:80]!r} is not taken; write the plain value", line)
        if self.depth > MAX_DEPTH:
            raise MalformedYaml(f"nested deeper than {MAX_DEPTH} levels; every key takes a value or a list", line)
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


def decode(data: bytes, kind: str) -> str:
    """``kind`` says what the file is, for whoever sent something else. Raises MalformedYaml."""
    if len(data) > MAX_BYTES:
        raise MalformedYaml(f"larger than {MAX_BYTES // 1024} KiB; {kind}")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MalformedYaml("not UTF-8; save the file in that encoding", line) from error


class Document:
    """One file's tree. ``kind`` as for ``decode``. Raises MalformedYaml, here and below."""

    def __init__(self, text: str, kind: str) -> None:
        self._kind = kind
        self.root: yaml.Node | None = None
        try:
            self._loader = _PlainLoader(text)
            try:
                self.root = self._loader.get_single_node()
            finally:
                self._loader.dispose()
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise MalformedYaml(f"holds the control character U+{error.character:04X}; remove it", line) from error
        except yaml.MarkedYAMLError as error:
            raise MalformedYaml(*_explain(error)) from error

    def keys(self, node: yaml.Node | None) -> dict[str, tuple[int, yaml.Node]]:
        """Of a list of keys: the line that each stands on, and what is below it."""
        if not isinstance(node, yaml.MappingNode):
            raise MalformedYaml("not a list of keys; write one 'key: value' a line", line_of(node) if node else None)
        found: dict[str, tuple[int, yaml.Node]] = {}
        for key_node, value_node in node.value:
            line = line_of(key_node)
            if len(found) == MAX_KEYS:
                raise MalformedYaml(f"more than {MAX_KEYS} keys; {self._kind}", line)
            if not isinstance(key_node, yaml.ScalarNode):
                raise MalformedYaml("a key is a single word", line)
            key = key_node.value
            if key in found:
                where = f"{key[:80]!r} stands already on line {found[key][0]}"
                raise MalformedYaml(f"{where}; keep one of the two", line)
            found[key] = (line, value_node)
        return found

    def value(self, node: yaml.Node) -> Any:
        """A scalar, or a list of such."""
        if isinstance(node, yaml.MappingNode):
            raise MalformedYaml("keys below a key are not taken; write a value or a list", line_of(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        return self._loader.construct_object(node)


def line_of(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1


def _explain(error: yaml.MarkedYAMLError) -> tuple[str, int | None]:
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    way_out = "write blanks, not tabs" if r"'\t'" in said else "put text that holds ': ' or '#' in quotes"
    return f"not valid YAML: {said}; {way_out}", mark.line + 1 if mark else None

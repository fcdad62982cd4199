"""Jinja as Ansible's template module uses it, with every undefined variable noted instead of ending the rendering."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import wraps
from types import GeneratorType
from typing import Any, ClassVar, NamedTuple

from jinja2 import BaseLoader, ChainableUndefined, Undefined, nodes, pass_context
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

#: An author who writes JSON himself has escaped it already.
JSON_FILTERS = frozenset({"tojson", "to_json", "to_nice_json"})
#: Ansible filters that look at the rendering machine, not at the value.
FOREIGN_FILTERS = frozenset({"expanduser", "expandvars", "fileglob", "realpath", "unvault", "vault"})


class Finding(NamedTuple):
    """``file`` is that of an included template, None the file itself."""

    file: str | None
    line: int
    message: str


class _Missing(ChainableUndefined):
    """An undefined variable whose use is noted, and rendering goes on, so that one run finds them all."""

    __slots__ = ()
    found: ClassVar[list[Finding]]

    def _note(self) -> None:
        # a key that a mapping lacks, such as one of hostvars, is named like a variable: its type says nothing to an author
        lacks = isinstance(self._undefined_obj, Mapping)
        message = f"{self._undefined_name!r} is undefined" if lacks else self._undefined_message
        finding = Finding(*_template_place(), message)
        if finding not in self.found:
            self.found.append(finding)

    def __str__(self) -> str:
        self._note()
        return ""

    def __iter__(self) -> Iterator[Any]:
        self._note()
        return iter(())

    def __len__(self) -> int:
        self._note()
        return 0

    def __bool__(self) -> bool:
        self._note()
        return False

    def __eq__(self, other: object) -> bool:
        self._note()
        return False

    def __ne__(self, other: object) -> bool:
        self._note()
        return True

    def __hash__(self) -> int:
        self._note()
        return 0

    def __contains__(self, item: object) -> bool:
        self._note()
        return False

    def _noted(self, *_args: Any, **_kwargs: Any) -> Any:
        self._note()
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _noted
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = _noted
    __lt__ = __le__ = __gt__ = __ge__ = __call__ = _noted


class _NotebookText(str):
    """Text of a notebook that has been escaped, such as what a macro gave."""

    __slots__ = ()


def _joined(parts: Iterable[Any]) -> Any:
    present = [part for part in parts if part is not None]
    if len(present) == 1:
        return present[0]
    return "".join(text_of(part) for part in present) if present else None


def text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return "" if value is None else str(_plain(value))


def _plain(value: Any) -> Any:
    """The value as Ansible would store it: mappings are dicts, all other collections lists."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str | bytes | int | float | Undefined | range) or not isinstance(value, Iterable):
        return value
    return [_plain(item) for item in value]


class WorkshopEnvironment(SandboxedEnvironment):
    """Joins a template's parts as Ansible does: None vanishes, a template of one expression keeps its type.

    Not the immutable sandbox: ``{% set _ = list.append(x) %}`` is common in Ansible templates and works there.
    """

    code_generator_class = NativeCodeGenerator
    concat = staticmethod(_joined)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Of the file itself and of what it includes."""
        tree = super()._parse(source, name, filename)
        _provide_ansible_filters(self, tree)
        return tree


class _NotebookEnvironment(WorkshopEnvironment):
    concat = staticmethod(lambda parts: _as_notebook_text(_joined(parts)))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _escape_values(self, tree)
        return tree


def new_environment(
    options: Mapping[str, Any], *, notebook: bool, found: list[Finding], sources: BaseLoader | None
) -> WorkshopEnvironment:
    """``options`` are those of the file's header; ``found`` takes every use of an undefined variable."""
    kind = _NotebookEnvironment if notebook else WorkshopEnvironment
    environment = kind(
        undefined=type("Missing", (_Missing,), {"found": found, "__slots__": ()}),
        finalize=_finalize,
        loader=sources,
        optimized=False,
        **{"trim_blocks": True, **options},
    )
    environment.filters = {name: _listing(function) for name, function in environment.filters.items()}
    environment.globals |= {"range": range, "now": _now, "ansible_managed": "Ansible managed"}
    return environment


def _listing(function: Any) -> Any:
    """A filter whose generator becomes a list, so that it prints and tests as in Ansible."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return list(result) if isinstance(result, GeneratorType) else result

    return wrapped


def _provide_ansible_filters(environment: WorkshopEnvironment, tree: nodes.Template) -> None:
    """Ansible's own filters and tests; they take a tenth of a second to import, so only where one is used."""
    filters = {node.name for node in tree.find_all(nodes.Filter)} - environment.filters.keys()
    tests = {node.name for node in tree.find_all(nodes.Test)} - environment.tests.keys()
    if not filters | tests:
        return
    from ansible.plugins import filter as ansible_filters  # noqa: F401, PLC0415 - costs time, seldom needed
    from ansible.plugins.filter import core, encryption, mathstuff, urls, urlsplit  # noqa: PLC0415 - as above
    from ansible.plugins.test import core as core_tests  # noqa: PLC0415 - as above

    for module in (core, encryption, mathstuff, urls, urlsplit):
        theirs = module.FilterModule().filters()
        environment.filters |= {name: theirs[name] for name in filters & theirs.keys() - FOREIGN_FILTERS}
    known = core_tests.TestModule().tests()  # type: ignore[no-untyped-call]
    environment.tests |= {name: known[name] for name in tests & known.keys()}


def _escape_values(environment: WorkshopEnvironment, tree: nodes.Template) -> None:
    environment.filters["_for_notebook"] = _for_notebook
    for output in tree.find_all(nodes.Output):
        output.nodes = [_escaped(node) for node in output.nodes]
    tree.set_environment(environment)


def _escaped(node: nodes.Expr) -> nodes.Expr:
    """What the author wrote himself (text, a literal, JSON by a filter) stays; a value is escaped."""
    if isinstance(node, nodes.TemplateData | nodes.Const) or (
        isinstance(node, nodes.Filter) and node.name in JSON_FILTERS
    ):
        return node
    return nodes.Filter(node, "_for_notebook", [], [], None, None, lineno=node.lineno)


def _for_notebook(value: Any) -> Any:
    if value is None or isinstance(value, Undefined | _NotebookText):
        return value
    text = text_of(value)
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    return value if escaped == text and not isinstance(value, str) else _NotebookText(escaped)


def _as_notebook_text(value: Any) -> Any:
    return _NotebookText(value) if isinstance(value, str) else value


@pass_context  # keeps Jinja from calling it on constants while it compiles
def _finalize(_context: Context, value: Any) -> Any:
    """Notes an undefined value here, where the template's line is still on the stack."""
    return str(value) if isinstance(value, Undefined) else value


def _now(utc: bool = False, fmt: str | None = None) -> Any:
    time = datetime.now(UTC).replace(tzinfo=None) if utc else datetime.now()  # noqa: DTZ005 - as Ansible's, without a zone
    return time.strftime(fmt) if fmt else time


def _template_place() -> tuple[str | None, int]:
    """The file and line of the template that is being rendered; line 0 where there is none."""
    frame = sys._getframe()
    while frame is not None:
        if template := frame.f_globals.get("__jinja_template__"):
            return template.filename if template.name else None, int(template.get_corresponding_lineno(frame.f_lineno))
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None, 0

"""Renders a workshop as Ansible's template module does, byte for byte, and says everything that is wrong with it at once.

Two things differ on purpose from Ansible: a variable's value is escaped where it enters a notebook (a quote in a password
would break the JSON), and ``lookup`` is missing, since it reads files and runs commands on the rendering machine.
"""

import ast
import copy
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path, PurePosixPath
from types import GeneratorType, MappingProxyType
from typing import Any, ClassVar

from jinja2 import ChainableUndefined, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.meta import find_undeclared_variables
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from wod_backend_agent.content import is_notebook, is_template, workshop_files
from wod_backend_agent.notebook_format import notebook_fault

HEADER = "#jinja2:"
#: What a header line may set, as in Ansible: the options of a Jinja environment, and their types.
HEADER_OPTIONS: Mapping[str, type | tuple[type, ...]] = {
    "block_start_string": str,
    "block_end_string": str,
    "variable_start_string": str,
    "variable_end_string": str,
    "comment_start_string": str,
    "comment_end_string": str,
    "line_statement_prefix": (str, type(None)),
    "line_comment_prefix": (str, type(None)),
    "trim_blocks": bool,
    "lstrip_blocks": bool,
    "newline_sequence": str,
    "keep_trailing_newline": bool,
}
#: An author who writes JSON himself has escaped it already.
JSON_FILTERS = frozenset({"tojson", "to_json", "to_nice_json"})
#: Ansible filters that look at the rendering machine, not at the value.
FOREIGN_FILTERS = frozenset({"expanduser", "expandvars", "fileglob", "realpath", "unvault", "vault"})


class CannotRender(Exception):
    """Holds every error of the workshop, one line each: file, line, what is wrong."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


class UnresolvedVariable(Exception):
    """Raised by a mapping of variables whose value for a name is itself wrong, such as a template of an undefined one."""


@dataclass(frozen=True)
class RenderedFile:
    path: str
    content: bytes
    mode: int = 0o644


class _Missing(ChainableUndefined):
    """An undefined variable whose use is noted, and rendering goes on, so that one run finds them all."""

    __slots__ = ()
    found: ClassVar[list[tuple[int, str]]]

    def _note(self) -> None:
        # a key that a mapping lacks, such as one of hostvars, is named like a variable: its type says nothing to an author
        lacks = isinstance(self._undefined_obj, Mapping)
        message = f"{self._undefined_name!r} is undefined" if lacks else self._undefined_message
        finding = (_template_line(), message)
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
    return "".join(_text(part) for part in present) if present else None


def _text(value: Any) -> str:
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


class _Environment(SandboxedEnvironment):
    """Joins a template's parts as Ansible does: None vanishes, a template of one expression keeps its type.

    Not the immutable sandbox: ``{% set _ = list.append(x) %}`` is common in Ansible templates and works there.
    """

    code_generator_class = NativeCodeGenerator
    concat = staticmethod(_joined)


class _NotebookEnvironment(_Environment):
    concat = staticmethod(lambda parts: _as_notebook_text(_joined(parts)))


def render_workshop(
    folder: Path, variables: Mapping[str, Any], scripts: Mapping[str, Path | None] = MappingProxyType({})
) -> list[RenderedFile]:
    """Every file of the workshop, or CannotRender with the errors of all files.

    ``scripts`` are templates whatever their names; one that is not in the workshop comes from its path.
    """
    files: list[RenderedFile] = []
    errors: list[str] = []
    others = [(name, path) for name, path in scripts.items() if path]
    for name, path in [*workshop_files(folder), *others]:
        content = path.read_bytes()
        if is_template(name) or PurePosixPath(name).name in scripts:
            try:
                content = render(name, content, variables)
            except CannotRender as refused:
                errors += refused.errors
        files.append(RenderedFile(name, content, 0o755 if path.stat().st_mode & 0o100 else 0o644))
    if errors:
        raise CannotRender(errors)
    return files


def render(name: str, source: bytes, variables: Mapping[str, Any]) -> bytes:
    """The rendered file; ``name`` decides whether it is checked as a notebook. Bytes that are no UTF-8 are kept."""
    found: list[tuple[int, str]] = []
    text = source.decode("utf-8", "surrogateescape")
    rendered = ""
    try:
        rendered = _render_text(text, variables, notebook=is_notebook(name), found=found)
    except TemplateSyntaxError as error:
        found.append((error.lineno, error.message or "syntax error"))
    except Exception as error:  # noqa: BLE001 - an author's expression can raise anything; it is an error of the content
        found.append((_line_of(error), f"{type(error).__name__}: {error}"))
    if not found and is_notebook(name) and (fault := notebook_fault(rendered)):
        raise CannotRender([f"{name}: {fault}"])
    if found:
        raise CannotRender(f"{name}:{line}: {message}" for line, message in sorted(found))
    return rendered.encode("utf-8", "surrogateescape")


def _render_text(text: str, variables: Mapping[str, Any], *, notebook: bool, found: list[tuple[int, str]]) -> str:
    if not (text.startswith(HEADER) or any(mark in text for mark in ("{{", "{%", "{#"))):
        return text
    body, options = _header(text)
    environment = _environment(options, notebook=notebook, found=found)
    tree = environment.parse(body)
    _provide_ansible_filters(environment, tree)
    if notebook:
        _escape_values(environment, tree)
    result: Any = environment.from_string(tree).render(_needed(tree, variables, environment.undefined))
    if options:
        found[:] = [(line + 1, message) for line, message in found]
    return _with_final_newlines(result, text) if isinstance(result, str) else _text(result)


def _needed(tree: nodes.Template, variables: Mapping[str, Any], undefined: type[Undefined]) -> dict[str, Any]:
    """The variables that the template names, and copies of those it could change."""
    values: dict[str, Any] = {}
    for name in sorted(find_undeclared_variables(tree) & variables.keys()):
        try:
            value = variables[name]
        except UnresolvedVariable as error:
            # noted where it is used, if it is
            values[name] = undefined(hint=str(error), name=name)
            continue
        values[name] = copy.deepcopy(value) if type(value) in {dict, list} else value
    return values


def _with_final_newlines(result: str, source: str) -> str:
    """As many newlines at the end as the template has, if there were fewer."""
    wanted, there = (len(text) - len(text.rstrip("\n")) for text in (source, result))
    return result + "\n" * max(0, wanted - there)


def _header(text: str) -> tuple[str, dict[str, Any]]:
    """The template without its ``#jinja2:`` line, and what that line sets."""
    if not text.startswith(HEADER):
        return text, {}
    line, newline, body = text.removeprefix(HEADER).partition("\n")
    if not newline:
        raise TemplateSyntaxError(f"a newline is missing after the {HEADER} line", 1)
    try:
        return body, dict(_header_option(pair) for pair in line.split(","))
    except (ValueError, SyntaxError) as error:
        raise TemplateSyntaxError(f"the {HEADER} line cannot be read: {error}", 1) from None


def _header_option(pair: str) -> tuple[str, Any]:
    key, colon, literal = pair.partition(":")
    if not colon or key.strip() not in HEADER_OPTIONS:
        raise ValueError(f"{pair.strip()!r} is none of its options")
    value = ast.literal_eval(literal.strip())
    if not isinstance(value, HEADER_OPTIONS[key.strip()]):
        raise ValueError(f"{pair.strip()!r} has a value of the wrong type")  # noqa: TRY004 - one kind of error, about text
    return key.strip(), value


def _environment(options: Mapping[str, Any], *, notebook: bool, found: list[tuple[int, str]]) -> _Environment:
    kind = _NotebookEnvironment if notebook else _Environment
    environment = kind(
        undefined=type("Missing", (_Missing,), {"found": found, "__slots__": ()}),
        finalize=_finalize,
        optimized=False,
        **{"trim_blocks": True, **options},
    )
    environment.filters = {name: _listing(function) for name, function in environment.filters.items()}
    environment.globals["range"] = range
    return environment


def _listing(function: Any) -> Any:
    """A filter whose generator becomes a list, so that it prints and tests as in Ansible."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return list(result) if isinstance(result, GeneratorType) else result

    return wrapped


def _provide_ansible_filters(environment: _Environment, tree: nodes.Template) -> None:
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


def _escape_values(environment: _Environment, tree: nodes.Template) -> None:
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
    text = _text(value)
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    return value if escaped == text and not isinstance(value, str) else _NotebookText(escaped)


def _as_notebook_text(value: Any) -> Any:
    return _NotebookText(value) if isinstance(value, str) else value


@pass_context  # keeps Jinja from calling it on constants while it compiles
def _finalize(_context: Context, value: Any) -> Any:
    """Notes an undefined value here, where the template's line is still on the stack."""
    return str(value) if isinstance(value, Undefined) else value


def _template_line() -> int:
    """The line of the template that is being rendered; 0 where there is none."""
    frame = sys._getframe()
    while frame is not None:
        if template := frame.f_globals.get("__jinja_template__"):
            return int(template.get_corresponding_lineno(frame.f_lineno))
        if frame.f_back is None:
            break
        frame = frame.f_back
    return 0


def _line_of(error: Exception) -> int:
    """The template's line, which Jinja writes into the traceback of what a template raised."""
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line

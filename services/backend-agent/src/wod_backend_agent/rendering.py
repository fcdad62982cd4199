"""Renders a workshop as Ansible's template module does, byte for byte, and says everything that is wrong with it at once.

Two things differ on purpose from Ansible: a variable's value is escaped where it enters a notebook (a quote in a password
would break the JSON), and what would read files or run commands on the rendering machine is refused.
"""

import ast
import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from jinja2 import BaseLoader, TemplateError, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates, find_undeclared_variables

from wod_backend_agent.content import is_notebook, is_template, workshop_files
from wod_backend_agent.notebook_format import notebook_fault
from wod_backend_agent.template_environment import Finding, WorkshopEnvironment, new_environment, text_of
from wod_backend_agent.template_lookups import NAMES as LOOKUPS
from wod_backend_agent.template_lookups import LookupRefused, Lookups
from wod_backend_agent.template_sources import WorkshopSources

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


def render_workshop(
    folder: Path,
    variables: Mapping[str, Any],
    scripts: Mapping[str, Path | None] = MappingProxyType({}),
    *,
    broken_notebooks: bool = False,
) -> list[RenderedFile]:
    """Every file of the workshop, or CannotRender with the errors of all files.

    ``scripts`` are templates whatever their names; one that is not in the workshop comes from its path. With
    ``broken_notebooks`` one that is no notebook after rendering is delivered all the same.
    """
    files: list[RenderedFile] = []
    errors: list[str] = []
    others = [(name, path) for name, path in scripts.items() if path]
    for name, path in [*workshop_files(folder), *others]:
        content = path.read_bytes()
        if is_template(name) or PurePosixPath(name).name in scripts:
            try:
                content = render(name, content, variables, folder, check=not broken_notebooks)
            except CannotRender as refused:
                errors += refused.errors
        files.append(RenderedFile(name, content, 0o755 if path.stat().st_mode & 0o100 else 0o644))
    if errors:
        raise CannotRender(errors)
    return files


def render(
    name: str, source: bytes, variables: Mapping[str, Any], folder: Path | None = None, *, check: bool = True
) -> bytes:
    """The rendered file; ``name`` decides whether it is checked as a notebook. Bytes that are no UTF-8 are kept.

    ``folder`` is the workshop's, of which it may include files. Raises CannotRender.
    """
    found: list[Finding] = []
    text = source.decode("utf-8", "surrogateescape")
    sources = WorkshopSources(folder, name) if folder else None
    rendered = ""
    try:
        rendered = _render_text(text, variables, notebook=is_notebook(name), found=found, sources=sources)
    except TemplateSyntaxError as error:
        found.append(Finding(error.filename if error.name else None, error.lineno, error.message or "syntax error"))
    except (LookupRefused, TemplateError) as error:
        found.append(Finding(None, _line_of(error), str(error)))
    except Exception as error:  # noqa: BLE001 - an author's expression can raise anything; it is an error of the content
        found.append(Finding(None, _line_of(error), f"{type(error).__name__}: {error}"))
    if found:
        places = sorted((file or name, line, message) for file, line, message in found)
        raise CannotRender(f"{file}:{line}: {message}" for file, line, message in places)
    if check and is_notebook(name) and (fault := notebook_fault(rendered)):
        raise CannotRender([f"{name}: {fault}"])
    return rendered.encode("utf-8", "surrogateescape")


def _render_text(
    text: str, variables: Mapping[str, Any], *, notebook: bool, found: list[Finding], sources: BaseLoader | None
) -> str:
    if not (text.startswith(HEADER) or any(mark in text for mark in ("{{", "{%", "{#"))):
        return text
    body, options = _header(text)
    environment = new_environment(options, notebook=notebook, found=found, sources=sources)
    tree = environment.parse(body)
    result: Any = environment.from_string(tree).render(_needed(environment, tree, variables))
    if options:
        found[:] = [Finding(file, line + (file is None), message) for file, line, message in found]
    return _with_final_newlines(result, text) if isinstance(result, str) else text_of(result)


def _needed(environment: WorkshopEnvironment, tree: nodes.Template, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that the template names, and copies of those it could change."""
    values: dict[str, Any] = {}
    names = _names(environment, tree, variables, set())
    for name in sorted(names & variables.keys()):
        try:
            value = variables[name]
        except UnresolvedVariable as error:
            # noted where it is used, if it is
            values[name] = environment.undefined(hint=str(error), name=name)
            continue
        values[name] = copy.deepcopy(value) if type(value) in {dict, list} else value
    if names & LOOKUPS:
        values = Lookups(variables).provided() | values
    return values


def _names(
    environment: WorkshopEnvironment, tree: nodes.Template, variables: Mapping[str, Any], seen: set[str]
) -> set[str]:
    """Also those of what it includes; all there are where only rendering tells what that is."""
    names = find_undeclared_variables(tree)
    for included in find_referenced_templates(tree):
        if included is None:
            return names | variables.keys() | LOOKUPS
        if included not in seen and environment.loader:
            seen.add(included)
            try:
                text, _, _ = environment.loader.get_source(environment, included)
            except TemplateNotFound:
                # it may be ignored; if not, rendering says so
                continue
            names |= _names(environment, environment.parse(text, included), variables, seen)
    return names


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


def _line_of(error: Exception) -> int:
    """The template's line, which Jinja writes into the traceback of what a template raised."""
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line

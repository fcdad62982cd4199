"""What enters a notebook, and what is said of one that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from wod_backend_agent.content import UnsafeContent
from wod_backend_agent.rendering import CannotRender, render, render_workshop

HARD = 'q"uote b\\ack\nslash\ttab é 🐎 {{ braces }}'


def notebook(source: str) -> bytes:
    """``source`` goes in as it is, as an author's would."""
    cell = '{"cell_type": "markdown", "metadata": {}, "source": ["%s"]}' % source  # noqa: UP031 - braces all over
    return f'{{"nbformat": 4, "nbformat_minor": 4, "metadata": {{}}, "cells": [{cell}]}}'.encode()


def source_of(text: bytes) -> Any:
    return json.loads(text)["cells"][0]["source"]


def errors_of(name: str, source: bytes, **variables: Any) -> tuple[str, ...]:
    with pytest.raises(CannotRender) as refused:
        render(name, source, variables)
    return refused.value.errors


@pytest.mark.parametrize(
    "template",
    [
        "{{ V }}",
        "{{ V | default('x') }}",
        "{% set x = V %}{{ x }}",
        "{% set x %}{{ V }}{% endset %}{{ x }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(V) }}",
        "{% for v in [V] %}{{ v }}{% endfor %}",
        "{{ M.key }}",
    ],
)
def test_a_value_enters_a_notebook_unharmed_and_only_once_escaped(template: str) -> None:
    variables = {"V": HARD, "M": {"key": HARD}}
    assert source_of(render("a.ipynb", notebook(template), variables)) == [HARD]


def test_what_the_author_wrote_in_json_stays_as_it_is() -> None:
    assert source_of(render("a.ipynb", notebook("{{ '\\\\n' }}{{ '{{' }} {% raw %}{{x}}{% endraw %}"), {})) == [
        "\n{{ {{x}}"
    ]
    given = notebook("S").replace(b'["S"]', b"{{ LINES | tojson }}")
    assert source_of(render("a.ipynb", given, {"LINES": ['a"', "b"]})) == ['a"', "b"]


def test_a_notebook_may_be_json_only_after_it_is_rendered() -> None:
    given = notebook("S").replace(b'"S"', b'{% if X %}"yes"{% else %}"no"{% endif %}')
    assert source_of(render("a.ipynb", given, {"X": False})) == ["no"]


def test_other_files_take_a_value_as_it_is() -> None:
    assert render("a.sh", b"{{ V }}x", {"V": HARD}) == f"{HARD}x".encode()


def test_every_undefined_variable_is_named_with_its_line() -> None:
    source = b"{{ A }}\n{{ ok }}\n{% if B %}{% endif %}{% for x in C %}{% endfor %}\n{{ D.e['f'] + 1 }}{{ E | upper }}\n{{ A }}"
    assert errors_of("dir/a.sh", source, ok=1) == (
        "dir/a.sh:1: 'A' is undefined",
        "dir/a.sh:3: 'B' is undefined",
        "dir/a.sh:3: 'C' is undefined",
        "dir/a.sh:4: 'D' is undefined",
        "dir/a.sh:4: 'E' is undefined",
        "dir/a.sh:5: 'A' is undefined",
    )


def test_a_header_does_not_shift_the_line() -> None:
    assert errors_of("a.sh", b"#jinja2: lstrip_blocks: True\nx\n{{ A }}") == ("a.sh:3: 'A' is undefined",)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"x\n{{ 1 + }}", "a.sh:2: "),
        (b"x\n{{ 1 / 0 }}", "a.sh:2: ZeroDivisionError"),
        (b"#jinja2: nonsense: 1\n", "a.sh:1: the #jinja2: line cannot be read"),
        (b"{{ ''.__class__.__mro__ }}", "unsafe"),
        (b"{{ lookup('pipe', 'id') }}", "a.sh:1: lookup('pipe') is not given to a workshop"),
        (b"{{ 'x' | no_such_filter }}", "no_such_filter"),
    ],
)
def test_other_errors_say_where(source: bytes, said: str) -> None:
    assert said in errors_of("a.sh", source)[0]


def test_an_included_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "part.inc").write_text("x\n{{ A }}\n{{ B }}")
    with pytest.raises(CannotRender) as refused:
        render("deep/a.sh", b"{{ C }}\n{% include 'part.inc' %}", {"B": 1}, tmp_path)
    assert refused.value.errors == ("deep/a.sh:1: 'C' is undefined", "deep/part.inc:2: 'A' is undefined")


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "absent", "deep/../../secret", "folder"])
def test_nothing_outside_of_the_workshop_is_included(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "WKSHP-A" / "folder").mkdir(parents=True)
    with pytest.raises(CannotRender, match="is not in the workshop"):
        render("a.sh", f"{{% include '{name}' %}}".encode(), {}, tmp_path / "WKSHP-A")


def test_a_value_in_an_included_file_enters_a_notebook_unharmed(tmp_path: Path) -> None:
    (tmp_path / "part.inc").write_text("{{ V }}")
    given = render("a.ipynb", notebook("{% include 'part.inc' %} {{ V }}"), {"V": HARD}, tmp_path)
    assert source_of(given) == [f"{HARD} {HARD}"]


def test_a_broken_notebook_is_delivered_where_the_operator_allows_it_but_never_without_a_value(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("{ {{ A }}")
    [file] = render_workshop(tmp_path, {"A": 1}, broken_notebooks=True)
    assert file.content == b"{ 1"
    with pytest.raises(CannotRender, match="'A' is undefined"):
        render_workshop(tmp_path, {}, broken_notebooks=True)


@pytest.mark.parametrize(
    "source",
    [b"{", b"[]", b"{}", b'{"nbformat": 99, "nbformat_minor": 0}', notebook("x").replace(b"markdown", b"sound")],
)
def test_what_is_no_notebook_is_refused(source: bytes) -> None:
    assert errors_of("a.ipynb", source)[0].startswith("a.ipynb: after rendering it is not ")


def test_a_link_out_of_the_workshop_is_refused(tmp_path: Path) -> None:
    (tmp_path / "WKSHP-A").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "WKSHP-A" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafeContent, match="link"):
        render_workshop(tmp_path / "WKSHP-A", {})


def test_checkpoints_are_left_out_and_a_template_cannot_change_a_variable(tmp_path: Path) -> None:
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "a.sh").write_text("{{ never }}")
    (tmp_path / "a.sh").write_text("{% set _ = L.append(2) %}{{ L }}.")
    (tmp_path / "b.sh").write_text("{{ L }}.")
    assert [file.content for file in render_workshop(tmp_path, {"L": [1]})] == [b"[1, 2].", b"[1]."]

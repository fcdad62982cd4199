"""Our renderer beside Ansible's own template module, in one run over all files."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from wod_backend_agent.content import is_template, workshop_files
from wod_backend_agent.rendering import CannotRender, render

#: The template module takes half a second a file.
pytestmark = pytest.mark.timeout(300)

VARIABLES: dict[str, Any] = {
    "BRANDING": "The Brand",
    "BRANDINGWOD": "Hands-on & more",
    "BRANDINGLOGO": "![logo](https://example.org/l.png)",
    "BRANDINGURL": "https://example.org/a?b=c&d=e",
    "SURVEYURL": "https://example.org/survey",
    "SURVEYCHALURL": "https://example.org/challenge",
    "MODEWS": "WKSHP",
    "STDID": 17,
    "PASSSTU": "kEy-17_plain",
    "WODBEFQDN": "wod.example.org",
    "HPEECPK8S101PORT": 10043,
    "HPEECPGWNAME": "gateway",
    "IP-WKSHP-X": "10.0.0.7",
    "NOTHING": None,
    "YES": True,
    "LIST": ["a", None, 1, 'with "quotes"'],
    "MAPPING": {"key": [1, 2], "other": "é"},
    "QUOTED": 'it\'s "quoted" and \\ back',
    "UNICODE": "žluťoučký 🐎",
    "LINES": "one\ntwo\n",
    "EMPTY": "",
}
HARD = {
    "quotes": "{{ QUOTED }} and {{ UNICODE }}\n",
    "raw": "{% raw %}{{ range .items }}{% endraw %}\n{{ '{{' }} x {{ '}}' }}\n",
    "crlf": "a {{ STDID }}\r\nb\r\n",
    "crlf-twice-at-the-end": "a {{ STDID }} b\r\n\r\n",
    "crlf-without-a-template": "a\r\nb\r\n",
    "no-final-newline": "x {{ STDID }}",
    "final-newlines": "x {{ BRANDING }}\n\n\n",
    "number-alone": "{{ STDID }}\n",
    "number-alone-no-newline": "{{ STDID }}",
    "value-ending-in-newline": "{{ LINES }}\n",
    "text-alone": "{{ BRANDING }}\n",
    "blocks": "{% if YES %}\nyes\n{% else %}\nno\n{% endif %}\n  {% for i in LIST %}\n- {{ i }}\n  {% endfor %}\n",
    "header": "#jinja2: trim_blocks: False, variable_start_string: '<<', variable_end_string: '>>'\n"
    "<< BRANDING >> {{ STDID }}\n{% if YES %}\nyes\n{% endif %}\n",
    "header-newlines": "#jinja2:newline_sequence:'\\r\\n'\na {{ STDID }}\nb\n",
    "header-keeps": "#jinja2: keep_trailing_newline: True, lstrip_blocks: True\n   {% if YES %}\n{{ STDID }} x\n{% endif %}\n\n",
    "none": "[{{ NOTHING }}]\n",
    "none-alone": "{{ NOTHING }}\n",
    "none-tested": "{% if NOTHING is none %}none{% endif %}{{ NOTHING or 'or' }}\n",
    "true": "{{ YES }} {{ not YES }}\n",
    "true-alone": "{{ YES }}",
    "list": "x {{ LIST }}\n",
    "list-alone": "{{ LIST }}",
    "mapping": "x {{ MAPPING }} {{ MAPPING.key }} {{ MAPPING['other'] }} {{ MAPPING.keys() }}\n",
    "tuple": "x {{ (1, 2) }} {{ MAPPING.items() }}\n",
    "generators": "{{ LIST | select('string') | map('upper') }} {{ 'x' if [] | map('upper') else 'y' }}\n",
    "default": "{{ NOT_THERE | default('d') }} {{ NOT_THERE.at.all | default(3) }} {{ NOT_THERE is defined }}\n",
    "hostvars": "{{ hostvars[inventory_hostname]['IP-WKSHP-X'] }} x\n",
    "constants": "{{ 'a\\nb' }} {{ 1.50 }} {{ 'a' ~ 1 }}\n",
    "constant-alone": "{{ 'a\\nb' }}",
    "block-set": "{% set x %}{{ STDID }}{% endset %}{{ x + 1 }} {{ x }}\n",
    "macro": "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m('x', b=NOTHING) }}\n",
    "append": "{% set l = [] %}{% set _ = l.append(1) %}{{ l }} x\n",
    "comment": "a {# gone #} b\n{# line #}\nc\n",
    "whitespace": "a\n   {%- if YES -%}   b   {%- endif %}   \n  c {{- STDID -}}  d\n",
    "ansible-filters": "{{ QUOTED | b64encode }} {{ 'yes' | bool }} {{ YES | ternary('a', 'b') }} {{ MAPPING | to_json }}\n",
    "bytes": b"a {{ STDID }} \xff\xfe b\n".decode("utf-8", "surrogateescape"),
    "bytes-order-mark": "\ufeffa {{ STDID }} b\n",
    "empty": "",
    "newlines-only": "\n\n",
    "loop": "{% for k, v in MAPPING.items() %}{{ loop.index }}{{ k }}={{ v }},{% endfor %}\n",
    "string-of-number": "{{ STDID | string }}\n",
    "arithmetic": "{{ 8000 + STDID }} {{ '%03d' | format(STDID) }}\n",
    "arithmetic-alone": "{{ 8000 + STDID }}\n",
    "tabs": "\tindented {{ STDID }}\n\t{% if YES %}\n\t\tx\n\t{% endif %}\n",
    "lookups": "{{ lookup('dict', {'a': 1}) }} {{ lookup('items', LIST) }} {{ lookup('sequence', '1-3') }} "
    "{{ query('together', [1, 2], [3]) }} {{ lookup('ansible.builtin.list', 'a', 'b') }} {{ q('list', wantlist=True) }}\n",
    "lookup-of-a-computed-name": "{{ lookup('vars', 'BRAND' ~ 'ING', 'STDID') }} {{ lookup('vars', 'NO', default=4) }} x\n",
    "lookup-alone": "{{ lookup('nested', [1, 2], ['a']) }}\n",
    "more-ansible-filters": "{{ 'a/b.c' | basename }} {{ {'a': 1} | combine({'b': 2}) | to_nice_yaml }}"
    "{{ 'x1y' | regex_replace('[0-9]', '-') }} {{ [1, 2] | zip([3]) | list }} {{ 'a' is match('a') }} {{ '1.2' is version('1.1', '>') }}"
    " {{ 'pw' | hash('sha256') }} {{ [[1], [2]] | flatten }} {{ '10' | int + 1 }}\n",
    "include": "a\n{% include 'part.inc' %}\nb\n{% include 'deep/other.inc' %}{% include 'absent' ignore missing %}\nc\n",
    "include-chosen": "{% set name = 'part' %}{% include name ~ '.inc' %} x\n",
    "import": "{% import 'macros.inc' as m %}{{ m.twice(STDID) }} {% from 'macros.inc' import twice with context %}{{ twice(2) }}\n",
    "extends": "{% extends 'base.inc' %}{% block middle %}of {{ STDID }}{% endblock %}\n",
    "managed": "# {{ ansible_managed }}\n",
    "very-large": "x {{ STDID }} " + "long line 'with' \"quotes\" \\ and { braces } " * 60_000 + "\n{{ BRANDING }}\n",
    "line-separators": "a\u2028b {{ STDID }}\x0b\x0c c\r d\n",
}


INCLUDED = {
    "part.inc": "part of {{ STDID }} {{ BRANDING }}\n\n",
    "templates/deep/other.inc": "{% if YES %}\nother {{ MAPPING.key }}\n{% endif %}\r\nz",
    "macros.inc": "{% macro twice(a) %}{{ a }}{{ a }}{% endmacro %}\n",
    "base.inc": "first\n{% block middle %}nothing{% endblock %}\nlast {{ BRANDING }}\n\n",
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates")
    for name, text in HARD.items():
        (folder / f"{name}.sh").write_bytes(text.encode("utf-8", "surrogateescape"))
    for name, text in INCLUDED.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


@pytest.fixture(scope="module")
def real_sources() -> dict[str, Path]:
    shared = Path(os.environ.get("WOD_SHARED", Path(__file__).parents[4] / "shared")) / "real-workshops"
    if not shared.is_dir():
        pytest.skip(f"the real workshops are not at {shared}: set WOD_SHARED")
    return {
        f"{top.name}/{name}": path
        for top in sorted(shared.iterdir())
        if top.is_dir()
        for name, path in workshop_files(top)
        if is_template(name)
    }


def rendered_by_ansible(files: dict[str, Path], folder: Path) -> dict[str, bytes]:
    """What the template module makes of each file; the file's place in the list names its result."""
    (folder / "vars.yml").write_text(yaml.safe_dump(VARIABLES, allow_unicode=True), encoding="utf-8")
    tasks = [
        {
            "name": "render",
            "ansible.builtin.template": {"src": "{{ item.src }}", "dest": "{{ item.dest }}"},
            "loop": [{"src": str(path), "dest": str(folder / f"{i}.out")} for i, path in enumerate(files.values())],
        }
    ]
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    ran = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            *("-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"),
            *("-e", f"@{folder / 'vars.yml'}"),
            folder / "play.yml",
        ],
        capture_output=True,
        check=False,
        text=True,
        timeout=280,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "ANSIBLE_PIPELINING": "1"},
    )
    refused = [line for line in ran.stdout.splitlines() if line.startswith(("failed:", "fatal:"))]
    assert ran.returncode == 0, "\n".join(refused) + ran.stderr[-1000:]
    return {name: (folder / f"{i}.out").read_bytes() for i, name in enumerate(files)}


def ours(files: dict[str, Path], folder: Path | None = None) -> dict[str, bytes]:
    variables = {**VARIABLES, "inventory_hostname": "localhost", "hostvars": {"localhost": VARIABLES}}
    return {name: render(name, path.read_bytes(), variables, folder) for name, path in files.items()}


def test_every_template_of_the_real_workshops_renders_as_in_ansible(
    real_sources: dict[str, Path], tmp_path: Path
) -> None:
    assert len(real_sources) > 10
    assert ours(real_sources) == rendered_by_ansible(real_sources, tmp_path)


def test_hard_templates_render_as_in_ansible(sources: Path, tmp_path: Path) -> None:
    files = {name: sources / f"{name}.sh" for name in HARD}
    theirs = rendered_by_ansible(files, tmp_path)
    mine: dict[str, bytes] = {}
    for name, path in files.items():
        try:
            mine |= ours({name: path}, sources)
        except CannotRender as refused:
            mine[name] = str(refused).encode()
    assert {name: (mine[name], theirs[name]) for name in HARD if mine[name] != theirs[name]} == {}

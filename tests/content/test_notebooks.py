"""The public workshops: what the platform reads of them, and what a learner meets in them."""

import ast
import os
from collections.abc import Awaitable, Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import jinja2
import nbformat
import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

# nbformat and IPython are not annotated
read: Callable[..., NotebookNode] = nbformat.read
reads: Callable[..., NotebookNode] = nbformat.reads
write: Callable[..., None] = nbformat.write
code_cell: Callable[..., NotebookNode] = new_code_cell
transformer: Callable[[], Any] = TransformerManager

Execute = Callable[[NotebookNode], Awaitable[dict[str, NotebookNode]]]

ROOT = Path(__file__).parents[2] / "notebooks"
WORKSHOPS = sorted(path for path in ROOT.iterdir() if path.is_dir())
NOTEBOOKS = sorted(ROOT.glob("*/*.ipynb"))
RUNNABLE = [path for path in NOTEBOOKS if "Conclusion" not in path.name]

KEYS = {
    "name": str, "description": str, "active": bool, "capacity": int, "priority": int, "range": list, "reset": bool,
    "ldap": bool, "replayId": int, "varpass": bool, "compile": bool, "workshopImg": str, "badgeImg": str, "beta": bool,
    "category": list, "duration": int, "presenter": str, "role": str, "avatar": str, "replayLink": str,
}  # fmt: skip

VARIABLES = {
    "BRANDING": "Example Community",
    "BRANDINGWOD": "Example Workshops-on-Demand",
    "BRANDINGLOGO": "![logo](logo.png)",
    "BRANDINGURL": "https://community.example.org",
    "SURVEYURL": "https://survey.example.org",
    "SURVEYCHALURL": "https://survey.example.org/challenge",
    "STDID": 42,
    "MODEWS": "WKSHP",
    "WODBEFQDN": "lab.example.org",
    "WODBEEXTFQDN": "lab.example.org",
    "WODAPIURL": "http://127.0.0.1:9",
}

#: What a learner who has understood would write, by the id of the answer's cell.
SOLUTIONS = {
    "WKSHP-Jupyter101/1-WKSHP-Notebooks": {"exercise-answer": "answer = 30"},
    "WKSHP-Jupyter101/2-WKSHP-Power-Tools": {"exercise-answer": "!mkdir mine; echo 'learn Python' > mine/plan.txt"},
    "WKSHP-Python101/0-ReadMeFirst": {"warm-up-answer": "language = 'Python'"},
    "WKSHP-Python101/1-WKSHP-Values-and-Text": {
        "initials-answer": "initials = ''.join(part[0] for part in person.split())",
        "leap-answer": "is_leap = year % 400 == 0 or (year % 4 == 0 and not year % 100 == 0)",
    },
    "WKSHP-Python101/2-WKSHP-Collections-and-Loops": {
        "words-answer": "long_words = [word for word in sentence.split() if len(word) >= 5]",
        "visits-answer": "visits_by_name = {'Mia': 3, 'Noor': 2, 'Sam': 1}\nregular = 'Mia'",
    },
    "WKSHP-Python101/3-WKSHP-Functions-and-Files": {
        "celsius-answer": "def celsius(fahrenheit):\n    return (fahrenheit - 32) * 5 / 9",
        "program-answer": (
            "def minutes_by_topic(rows):\n"
            "    totals = {}\n"
            "    for row in rows:\n"
            "        totals[row['topic']] = totals.get(row['topic'], 0) + int(row['minutes'])\n"
            "    return totals\n"
            "lines = [f'{topic} {minutes}' for topic, minutes in minutes_by_topic(rows).items()]\n"
            "summary.write_text('\\n'.join(lines) + '\\n')"
        ),
    },
    "WKSHP-API101/1-WKSHP-First-Calls": {
        "category-answer": (
            "by_category = {}\n"
            "for workshop in items:\n"
            "    for category in workshop['category']:\n"
            "        by_category.setdefault(category, []).append(workshop['name'])"
        ),
    },
    "WKSHP-API101/2-WKSHP-Errors-and-Habits": {
        "explain-answer": (
            "def explain(notebook):\n"
            "    status, _, body = call('GET', '/api/v1/workshops/' + notebook)\n"
            "    return body['detail'] if status >= 400 else f\"{body['name']} has room for {body['room']}\""
        ),
    },
}  # fmt: skip


def key(path: Path) -> str:
    return str(path.relative_to(ROOT).with_suffix(""))


def metadata(workshop: Path) -> dict[str, Any]:
    loaded = yaml.safe_load((workshop / "wod.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def rendered(path: Path, **changes: str) -> NotebookNode:
    """As the platform renders it: an unknown variable is an error, newlines stay as Ansible leaves them."""
    environment = jinja2.Environment(
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - notebooks are no HTML
    )
    text = environment.from_string(path.read_text(encoding="utf-8")).render(VARIABLES | changes)
    return reads(text, as_version=4)


def printed(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def with_second_tries(notebook: NotebookNode, solutions: dict[str, str]) -> NotebookNode:
    """Behind each check, the solution and the same check again, as a learner would do it."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        answer = cell.id.replace("-check", "-answer")
        if cell.id.endswith("-check"):
            cells.append(code_cell(solutions[answer], id=answer.replace("-answer", "-solution")))
            cells.append(code_cell(cell.source, id=f"{cell.id}-again"))
    notebook.cells = cells
    return notebook


@pytest.mark.parametrize("workshop", WORKSHOPS, ids=lambda path: path.name)
class TestMetadata:
    def test_holds_every_key_with_its_type(self, workshop: Path) -> None:
        assert {name: type(value) for name, value in metadata(workshop).items()} == KEYS

    def test_begins_with_the_yaml_version(self, workshop: Path) -> None:
        assert (workshop / "wod.yml").read_text(encoding="utf-8").startswith("%YAML 1.1\n")

    def test_capacity_is_the_size_of_the_range(self, workshop: Path) -> None:
        first, last = metadata(workshop)["range"]
        assert metadata(workshop)["capacity"] == last - first + 1 > 0

    def test_loads_nothing_from_elsewhere(self, workshop: Path) -> None:
        found = metadata(workshop)
        assert not [found[name] for name in ("workshopImg", "badgeImg", "avatar") if "/" in found[name]]

    def test_knows_the_seat_it_runs_in(self, workshop: Path) -> None:
        assert any("{{ STDID }}" in path.read_text(encoding="utf-8") for path in workshop.glob("*.ipynb"))

    def test_goes_from_the_welcome_over_a_lab_to_the_conclusion(self, workshop: Path) -> None:
        names = sorted(path.name for path in workshop.glob("*.ipynb"))
        assert names[0] == "0-ReadMeFirst.ipynb"
        assert names[1:-1]
        assert names[-1] == f"{len(names) - 1}-WKSHP-Conclusion.ipynb"


def test_no_two_workshops_share_a_seat() -> None:
    ranges = {path.name: metadata(path)["range"] for path in WORKSHOPS}
    assert len(ranges) >= 3
    for (one, first), (other, second) in combinations(ranges.items(), 2):
        assert first[1] < second[0] or second[1] < first[0], f"{one} and {other} overlap"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=key)
class TestNotebook:
    def test_is_valid_and_clean_before_rendering(self, path: Path) -> None:
        notebook = read(path, as_version=4)
        nbformat.validate(notebook)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        for cell in notebook.cells:
            assert cell.source.strip(), f"{cell.id} is empty"
            assert not cell.get("outputs"), f"{cell.id} has outputs"
            assert cell.get("execution_count") is None, f"{cell.id} has been run"

    @pytest.mark.parametrize("mode", ["WKSHP", "CHLG"])
    def test_is_valid_after_rendering(self, path: Path, mode: str) -> None:
        notebook = rendered(path, MODEWS=mode)
        nbformat.validate(notebook)
        assert not [cell.id for cell in notebook.cells if "{{" in cell.source or "{%" in cell.source]

    def test_its_code_compiles(self, path: Path) -> None:
        for cell in rendered(path).cells:
            if cell.cell_type == "code":
                ast.parse(transformer().transform_cell(cell.source), filename=cell.id)

    def test_its_links_lead_to_pages_that_are_there(self, path: Path) -> None:
        for cell in read(path, as_version=4).cells:
            targets = [part.split(")")[0] for part in cell.source.split("](")[1:] if cell.cell_type == "markdown"]
            for target in targets:
                if not target.startswith(("https://", "{{")):
                    assert (path.parent / target).is_file(), f"{cell.id} links to {target}"


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Runs a notebook in an empty home and returns its code cells by their id."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / ".runtime"))

    async def run(notebook: NotebookNode) -> dict[str, NotebookNode]:
        client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}})
        await client.async_execute(env={**os.environ, "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"})
        return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}

    return run


@pytest.mark.parametrize("path", RUNNABLE, ids=key)
async def test_a_learner_gets_through_from_top_to_bottom(
    path: Path, tmp_path: Path, api_url: str, execute: Execute
) -> None:
    for page in path.parent.glob("*.ipynb"):
        write(rendered(page, WODAPIURL=api_url), tmp_path / page.name)

    cells = await execute(with_second_tries(rendered(path, WODAPIURL=api_url), SOLUTIONS.get(key(path), {})))

    assert all(cell.execution_count for cell in cells.values())
    for ident, cell in cells.items():
        if ident.endswith("-check"):
            assert printed(cell).startswith("Not yet"), f"{ident} accepts what the learner has not done"
        if ident.endswith("-check-again"):
            assert printed(cell).startswith("Right!"), f"{ident} refuses a right answer: {printed(cell)}"


async def test_the_lab_on_errors_meets_each_of_them(api_url: str, execute: Execute) -> None:
    cells = await execute(rendered(ROOT / "WKSHP-API101" / "2-WKSHP-Errors-and-Habits.ipynb", WODAPIURL=api_url))

    said = {ident: printed(cell) for ident, cell in cells.items()}
    assert said["not-found-code"].startswith("404 application/problem+json")
    assert said["unauthorized-code"].startswith("401")
    assert said["method-code"].startswith("405")
    assert "offered here: GET" in said["method-code"]
    assert said["invalid-code"].startswith("422")
    assert "workshop: Field required" in said["invalid-code"]

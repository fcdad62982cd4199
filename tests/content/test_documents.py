"""What the documents promise about the tree they describe."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = sorted(
    [ROOT / "pyproject.toml", *ROOT.glob("services/*/pyproject.toml"), *ROOT.glob("infra/*/pyproject.toml")]
)
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for part in ("docs", "services", "infra", "notebooks", "private-template", "tests")
                           for page in (ROOT / part).rglob("*.md"))]
)  # fmt: skip
LINK = re.compile(r"\]\(([^)#\s]+)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def direct_dependencies(project: Path) -> set[str]:
    loaded = tomllib.loads(project.read_text(encoding="utf-8"))
    lines = [*loaded["project"].get("dependencies", []), *loaded.get("dependency-groups", {}).get("dev", [])]
    return {re.split(r"[^A-Za-z0-9-]", line)[0].lower() for line in lines}


@pytest.mark.parametrize("project", PROJECTS, ids=name)
def test_every_direct_dependency_has_a_row(project: Path) -> None:
    rows = [
        line for line in (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").lower().splitlines() if "|" in line
    ]
    named = {word for row in rows for word in re.findall(r"[a-z0-9-]+", row.split("|")[1])}
    assert direct_dependencies(project) - named - {"wod-common"} == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []

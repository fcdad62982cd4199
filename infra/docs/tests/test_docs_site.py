"""The documentation as a site: strict, so that every link and anchor leads somewhere, and all from one place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def site() -> Path:
    if not (ROOT / ".tools/bin/mkdocs").exists():
        pytest.skip("no mkdocs: make tools")
    done = subprocess.run(
        [sys.executable, HERE / "build_site.py"], check=False, text=True, capture_output=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "var/site"


def test_every_page_is_built_and_the_api_is_described(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / ("index.html" if page.stem == "README" else f"{page.stem}.html")).is_file(), page.name
    reference = (site / "api.html").read_text()
    assert "POST /api/v1/registrations" in reference
    assert "idempotency" in reference.lower()


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe|source)[^>]+src=\"(https?:)?//|<link[^>]+href=\"(?:https?:)?//[^\"]+\"[^>]*>"
    )
    for page in site.rglob("*.html"):
        found = [match[0] for match in loads.finditer(page.read_text()) if 'rel="canonical"' not in match[0]]
        assert found == [], page.name

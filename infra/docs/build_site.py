"""``make docs``: the pages of docs/ and the API's reference, made from the code, as a site in var/site.

The site loads nothing from elsewhere. A link to what is not in it (a folder's README, CONTRIBUTING) becomes its name.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from wod_api_db.app import create_app
from wod_api_db.settings import Settings

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ROOT / "docs"
PAGES = ROOT / "var/docs"
TOOLS = ROOT / ".tools/bin"
#: Pages by whom they are for; one that is not named here goes to the end.
SECTIONS = {
    "Visitors": ["visitors"],
    "Authors": ["authors"],
    "Instructors": ["instructors", "classes"],
    "Operators": ["operators", "console", "branding", "mail", "monitoring", "scaling", "rotation", "secrets", "upgrading",
                  "migrating"],
    "Developers": ["architecture", "api", "performance", "dependencies", "decisions/README"],
    "Security": ["security"],
}  # fmt: skip
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def inward(text: str, page: Path) -> str:
    """Links that lead out of the folder of the documentation become what they say."""

    def kept(match: re.Match[str]) -> str:
        target = match[3].partition("#")[0]
        outside = "://" not in target and target and not (page.parent / target).resolve().is_relative_to(SOURCES)
        return match[2] if outside else match[0]

    return _LINK.sub(kept, text)


def lay_out() -> list[str]:
    """The pages' names, without their ending."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(SOURCES, PAGES)
    for page in SOURCES.rglob("*.md"):
        (PAGES / page.relative_to(SOURCES)).write_text(inward(page.read_text(encoding="utf-8"), page), encoding="utf-8")
    (PAGES / "api.md").write_text(reference(), encoding="utf-8")
    return sorted(str(page.relative_to(PAGES).with_suffix("")) for page in PAGES.rglob("*.md"))


def schema() -> dict[str, Any]:
    """The OpenAPI document, of an app that is never started."""
    unused = Settings(database_url="postgresql://nobody@localhost/none", secret="x" * 32, command_key=Path("none"))
    return create_app(unused).openapi()


def reference() -> str:
    document = schema()
    lines = ["# API reference", "", "Made from the code; the same as `/openapi.json` of a running api-db, which has schemas and",
             "examples. Who may call what is in [architecture](architecture.md#wire-contracts)."]  # fmt: skip
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            by_tag.setdefault((call.get("tags") or ["others"])[0], []).extend(_call(method, path, call))
    for tag, calls in by_tag.items():
        lines += ["", f"## {tag}", "", *calls]
    return "\n".join(lines) + "\n"


def _call(method: str, path: str, call: dict[str, Any]) -> list[str]:
    said = (call.get("description") or call.get("summary") or "").strip()
    parameters = ", ".join(f"`{each['name']}` ({each['in']})" for each in call.get("parameters", []))
    answers = "; ".join(f"{status} {_one_line(answer['description'])}" for status, answer in call["responses"].items())
    shown = [f"### `{method.upper()} {path}`", "", _escaped(said), "", f"Answers: {_escaped(answers)}.", ""]
    return shown[:4] + ([f"Takes {parameters}.", ""] if parameters else []) + shown[4:]


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("[", "\\[")


def navigation(pages: list[str]) -> list[dict[str, Any]]:
    named = {page for of in SECTIONS.values() for page in of} | {"README"}
    further = [page for page in pages if page not in named]
    sections = {**SECTIONS, **({"Further": further} if further else {})}
    found = {title: [f"{page}.md" for page in of if page in pages] for title, of in sections.items()}
    return [{"Home": "README.md"}, *({title: of} for title, of in found.items() if of)]


def main() -> int:
    if not (TOOLS / "mkdocs").exists():
        sys.stderr.write("no mkdocs: make tools\n")
        return 2
    pages = lay_out()
    settings = yaml.safe_load((HERE / "mkdocs.yml").read_text())
    settings |= {"docs_dir": str(PAGES), "site_dir": str(ROOT / "var/site"), "nav": navigation(pages)}
    made = ROOT / "var/mkdocs.yml"
    made.write_text(yaml.safe_dump(settings, sort_keys=False))
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [str(TOOLS / "mkdocs"), "build", "--quiet", "--strict", "-f", str(made)]
    return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())

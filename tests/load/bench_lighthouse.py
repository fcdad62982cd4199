"""What Lighthouse says of the portal's first pages: ``make lighthouse``.

Lighthouse is the one program here that is not Python's: it comes from npm into ``var/lighthouse`` and needs Chromium.
Each page is judged five times as on a middling phone with a slow line, which is Lighthouse's own measure; the median counts.
Into ``var/bench/<date>-lighthouse.json``.
"""

import asyncio
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from typing import Any

from figures import Figure, machine, show, write
from portal_alone import ROOT, WORKSHOPS, full_catalogue, portal
from rich.console import Console
from services.frontend.tests.conftest import serve
from services.frontend.tests.portal_double import api_app

RUNS = 5
#: so many times a run is begun before it is given up
TRIES = 3
TARGET = 95
PLACE = ROOT / "var" / "lighthouse"
PROGRAM = PLACE / "node_modules" / ".bin" / "lighthouse"
PAGES = {"home": "/", "catalogue": "/workshops", "workshop": "/workshops/WKSHP-N1"}
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
#: a browser of the test's own: no sandbox because it may run as root, and nothing sent home
CHROMIUM_FLAGS = "--headless=new --no-sandbox --disable-quic --disable-background-networking"


class CannotMeasure(Exception):
    """A program is missing; the message says which, and how to get it."""


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        raise CannotMeasure("No Chromium on this machine. Install it (Debian: apt-get install chromium).")
    return found


async def _install() -> None:
    """Lighthouse, where it is not there yet: some 200 small packages, half a minute."""
    if PROGRAM.exists():
        return
    npm = shutil.which("npm")
    if not npm:
        raise CannotMeasure("No npm on this machine, and Lighthouse comes from npm. Install Node.js 22 with npm.")
    PLACE.mkdir(parents=True, exist_ok=True)
    quiet = ("--no-audit", "--no-fund", "--loglevel=error")
    process = await asyncio.create_subprocess_exec(npm, "install", "--prefix", str(PLACE), *quiet, "lighthouse")
    if await process.wait():
        raise CannotMeasure(f"npm could not install Lighthouse into {PLACE}; what it said stands above.")


async def _judged(url: str, chromium: str) -> dict[str, Any]:
    """Lighthouse's report on one page. On a busy machine a trace may not begin, and Lighthouse asks to be run again."""
    complaints = ""
    for _ in range(TRIES):
        code, out, complaints = await _run(url, chromium)
        if code == 0:
            report: dict[str, Any] = json.loads(out)
            return report
    raise CannotMeasure(f"Lighthouse gave up on {url}, {TRIES} times: {complaints[-2000:]}")


async def _run(url: str, chromium: str) -> tuple[int | None, bytes, str]:
    """Exit code, report, complaints."""
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        url,
        "--quiet",
        "--output=json",
        "--output-path=stdout",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--chrome-flags={CHROMIUM_FLAGS}",
        env=os.environ | {"CHROME_PATH": chromium},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, complaints = await process.communicate()
    return process.returncode, out, complaints.decode(errors="replace")


def _wanting(report: dict[str, Any]) -> list[str]:
    """What cost points, in Lighthouse's words."""
    weighed = {ref["id"] for one in report["categories"].values() for ref in one["auditRefs"] if ref["weight"]}
    audits = [report["audits"][name] for name in sorted(weighed)]
    return [f"{audit['id']}: {audit['title']}" for audit in audits if (audit["score"] or 0) < 1 and _counts(audit)]


def _counts(audit: dict[str, Any]) -> bool:
    return audit["scoreDisplayMode"] not in {"notApplicable", "manual", "informative"}


async def _page(console: Console, name: str, url: str, chromium: str) -> list[Figure]:
    figures = {
        category: Figure(f"{name}: {category}", unit="of 100", target=TARGET, at_least=True) for category in CATEGORIES
    }
    report: dict[str, Any] = {}
    for _ in range(RUNS):
        report = await _judged(url, chromium)
        for category in CATEGORIES:
            figures[category].samples.append(round(100 * (report["categories"][category]["score"] or 0)))
    for sentence in _wanting(report):
        console.print(f"{name}: {sentence}", style="yellow")
    return list(figures.values())


async def main() -> None:
    console = Console()
    chromium = _chromium()
    await _install()
    figures: list[Figure] = []
    before = machine()
    async with serve(api_app(full_catalogue())) as api_url, portal(api_url) as (url, _):
        for name, path in PAGES.items():
            figures += await _page(console, name, f"{url}{path}", chromium)
    title = f"Lighthouse, {RUNS} runs of each page, {WORKSHOPS} workshops"
    show(console, title, figures)
    file = ROOT / "var" / "bench" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-lighthouse.json"
    write(file, before, {title: figures})
    console.print(f"written to {file.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except CannotMeasure as missing:
        sys.exit(str(missing))

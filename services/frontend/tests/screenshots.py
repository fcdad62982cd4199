"""``make screenshots``: every page of a visitor at three widths, light and dark, into ``var/screenshots``."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, async_playwright
from pydantic import AnyHttpUrl, SecretStr

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from services.frontend.tests.conftest import serve  # noqa: E402 - only after the line above
from services.frontend.tests.portal_double import BADGE, CODE, TOKEN, ApiDouble, api_app, workshop  # noqa: E402

from wod_frontend.app import create_app  # noqa: E402
from wod_frontend.settings import Settings  # noqa: E402

OUT = ROOT / "var" / "screenshots"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (360, 768, 1440)
SESSION = f"/sessions/{TOKEN}"
PAGES = {
    "home": "/",
    "catalogue": "/workshops",
    "nothing-found": "/workshops?q=nothing-like-it",
    "workshop": "/workshops/WKSHP-API101",
    "full": "/workshops/WKSHP-Data101",
    "replays": "/replays",
    "join": "/join",
    "class": f"/join/{CODE}",
    "finisher-badge": "/workshops/WKSHP-API101/finisher-badge",
    "special-badge": "/workshops/1/special-badge",
    "badge": f"/badges/{BADGE.token}",
    "terms": "/terms",
    "privacy": "/privacy",
    "accessibility": "/accessibility",
    "styleguide": "/styleguide",
    "not-found": "/nothing",
}


def _workshops(api: ApiDouble) -> None:
    api.workshops = [
        workshop(replay_link="https://youtu.be/dQw4w9WgXcQ", pre_requisite="You know what a URL is."),
        workshop("WKSHP-Git101", name="Git without fear", category=["Tools"], room=3, presenter="Zoe Lang"),
        workshop("WKSHP-Data101", name="See your data", category=["Data"], room=0, duration_seconds=14_400),
        workshop("WKSHP-K8S101", name="Kubernetes 101", category=["Containers"], room=11),
    ]
    api.popular = ["WKSHP-API101", "WKSHP-Data101"]


def _deploying(api: ApiDouble) -> None:
    api.happen("registered", "registered", after=0.03)
    api.happen("progress", step="account", percent=20)
    api.happen("progress", step="deliver", percent=62, message="Preparing 3 notebooks for you")


def _running(api: ApiDouble) -> None:
    _deploying(api)
    api.happen("running", "running")
    api.happen("clock-started", "running")
    api.become(ends_at=datetime.now(UTC) + timedelta(minutes=102), extension_seconds=3600, completion=40)


def _ended(api: ApiDouble) -> None:
    _running(api)
    api.earned = [{"token": str(BADGE.token), "name": "API 101", "shown_name": ""}]
    api.become(state="ended", completion=78, cleaned=True)


def _failed(api: ApiDouble) -> None:
    api.happen("registered", "registered")
    api.happen("failed", "failed")


STATES: dict[str, Callable[[ApiDouble], None]] = {
    "waiting": lambda api: api.stand_in_line("waiting"),
    "offered": lambda api: api.stand_in_line("offered", place=None, offer_ends_at="2026-11-02T09:15:00Z"),
    "deploying": _deploying,
    "running": _running,
    "ended": _ended,
    "failed": _failed,
}


@asynccontextmanager
async def _portal(api: ApiDouble) -> AsyncIterator[str]:
    async with serve(api_app(api)) as api_url:
        settings = Settings(api_url=AnyHttpUrl(api_url), secret=SecretStr("only-for-the-pictures-of-it"))
        async with serve(create_app(settings)) as url:
            yield url


async def _shoot(browser: Browser, url: str, name: str, path: str) -> None:
    for scheme in SCHEMES:
        context = await browser.new_context(base_url=url, color_scheme=scheme, reduced_motion="reduce")
        page = await context.new_page()
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900})
            await page.goto(path)
            await page.screenshot(path=OUT / f"{name}-{width}-{scheme}.png", full_page=True)
        await context.close()


async def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    api = ApiDouble()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with _portal(api) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        _workshops(api)
        for name, path in PAGES.items():
            await _shoot(browser, url, name, path)
        for state, prepare in STATES.items():
            api.reset()
            _workshops(api)
            prepare(api)
            await _shoot(browser, url, f"session-{state}", SESSION)
        await browser.close()
    sys.stdout.write(f"{len(list(OUT.glob('*.png')))} pictures in {OUT.relative_to(ROOT)}\n")


if __name__ == "__main__":
    asyncio.run(main())

"""``make screenshots``: every page of the portal and of its console, at three widths, light and dark, into ``var/screenshots``.

The visitors' pages have the double of the api-db behind them, which can be in any state; the console has the real one.
"""

import asyncio
import re
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
from playwright.async_api import Browser, Page, async_playwright
from pydantic import AnyHttpUrl, SecretStr

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "services/api-db/tests")]

from api_support import ADMIN, AGENT, AgentDouble  # noqa: E402 - only after the line above
from services.frontend.tests.conftest import serve  # noqa: E402
from services.frontend.tests.console.console_kit import Visit, one_of_each, some_life  # noqa: E402
from services.frontend.tests.console.console_stack import api_db, database  # noqa: E402
from services.frontend.tests.portal_double import (  # noqa: E402
    BADGE,
    CODE,
    OPTOUT,
    TOKEN,
    AlreadyRegistered,
    ApiDouble,
    api_app,
    workshop,
)

from wod_frontend.app import create_app  # noqa: E402
from wod_frontend.settings import Settings  # noqa: E402

OUT = ROOT / "var" / "screenshots"
WIDTHS = (360, 768, 1440)
#: French, whose words are longer, is seen in the light alone
LOOKS: tuple[tuple[str, Literal["light", "dark"]], ...] = (("en", "light"), ("en", "dark"), ("fr", "light"))
SESSION = f"/sessions/{TOKEN}"
FORM = "/workshops/WKSHP-API101"
PAGES = {
    "home": "/",
    "catalogue": "/workshops",
    "nothing-found": "/workshops?q=nothing-like-it",
    "workshop": FORM,
    "full": "/workshops/WKSHP-Data101",
    "paused": "/workshops/WKSHP-Git101",
    "long-words": "/workshops/WKSHP-Long",
    "replays": "/replays",
    "join": "/join",
    "join-unknown": "/join?code=AAAA-0000",
    "class": f"/join/{CODE}",
    "finisher-badge": f"{FORM}/finisher-badge",
    "special-badge": "/workshops/1/special-badge",
    "badge": f"/badges/{BADGE.token}",
    "terms": "/terms",
    "privacy": "/privacy",
    "accessibility": "/accessibility",
    "styleguide": "/styleguide",
    "unsubscribe": f"/mail/unsubscribe/{OPTOUT}",
    "console-sign-in": "/console/sign-in",
    "failure-404": "/nothing",
    "failure-session": "/sessions/7-dW5rbm93bg",
}
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 600"><circle cx="300" cy="300" r="290" fill="#2d4739"/>'
    '<circle cx="300" cy="300" r="230" fill="none" stroke="#f6efe2" stroke-width="14"/>'
    '<circle cx="300" cy="300" r="120" fill="#ffb703"/></svg>'
)


def _workshops(api: ApiDouble) -> None:
    api.picture = PICTURE
    api.workshops = [
        workshop(replay_link="https://youtu.be/dQw4w9WgXcQ", pre_requisite="You know what a URL is."),
        workshop("WKSHP-Git101", name="Git without fear", category=["Tools"], paused="The hall moves. Back at noon."),
        workshop("WKSHP-Data101", name="See your data", category=["Data"], room=0, waiting=7, duration_seconds=14_400),
        workshop("WKSHP-K8S101", name="Kubernetes 101", category=["Containers"], room=11, presenter="Zoe Lang"),
        workshop(
            "WKSHP-Long",
            name="Infrastructure-as-Code: Bereitstellungsautomatisierungsgrundlagen für Fortgeschrittene",
            description="With https://example.org/a/very/long/address/that/does/not/break/anywhere/at/all in it.",
            presenter="Maximiliana-Alexandra von Habsburg-Hohenlohe-Langenburg",
            role="Senior Principal Distinguished Cloud Native Developer Advocate",
            category=["Continuous Integration", "Infrastructure", "Security and Compliance"],
            room=1,
        ),
        workshop("WKSHP-Rust101", name="Rust for the curious", category=["Languages"], room=4, presenter=""),
        workshop("WKSHP-Net101", name="Networks by hand", category=["Networking"], room=2, duration_seconds=5400),
    ]
    api.popular = ["WKSHP-API101", "WKSHP-Data101"]


def _deploying(api: ApiDouble) -> None:
    api.happen("registered", "registered", after=0.03)
    api.happen("progress", step="account", percent=20)
    api.happen("progress", step="deliver", percent=62, message="Preparing 3 notebooks for you")
    api.become(ready_in_seconds=20)


def _running(api: ApiDouble) -> None:
    _deploying(api)
    api.happen("running", "running")
    api.happen("clock-started", "running")
    api.become(ends_at=datetime.now(UTC) + timedelta(minutes=102), extension_seconds=3600, completion=40)


def _expiring(api: ApiDouble) -> None:
    _running(api)
    announcement = "Coffee is in the hall from three o'clock."
    ends = datetime.now(UTC) + timedelta(minutes=4)
    api.become(state="expiring", ends_at=ends, completion=90, announcement=announcement, class_id=1)


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
    "registered": lambda api: api.happen("registered", "registered", after=0.03),
    "deploying": _deploying,
    "running": _running,
    "expiring": _expiring,
    "ended": _ended,
    "failed": _failed,
    "cancelled": lambda api: api.happen("cancelled", "cancelled"),
}


async def _nothing_typed(page: Page, _: ApiDouble) -> None:
    await page.goto(FORM)
    await page.evaluate("document.forms[0].noValidate = true")
    await page.locator("form .button-go").click()


async def _known_already(page: Page, api: ApiDouble) -> None:
    api.refusal = AlreadyRegistered("one address, one lab")
    await page.goto(FORM)
    await page.locator("#name").fill("Grace")
    await page.locator("#email").fill("grace@example.org")
    await page.locator("#terms").check()
    await page.locator("form .button-go").click()


async def _api_away(page: Page, api: ApiDouble) -> None:
    api.away = True
    await page.goto("/workshops")


async def _all_opened(page: Page, api: ApiDouble) -> None:
    _running(api)
    await page.goto(f"{SESSION}?instead=WKSHP-Git101&done=extend")
    await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


#: What takes more than an address.
SITUATIONS: dict[str, Callable[[Page, ApiDouble], Awaitable[None]]] = {
    "form-errors": _nothing_typed,
    "check-mail": _known_already,
    "failure-503": _api_away,
    "session-all-opened": _all_opened,
}


@dataclass(frozen=True)
class Camera:
    """Opens each page once in each look, and turns it to each width."""

    browser: Browser
    url: str
    cookies: httpx.Cookies | None = None

    async def shoot(self, name: str, arrive: Callable[[Page], Awaitable[Any]]) -> None:
        for language, scheme in LOOKS:
            context = await self.browser.new_context(
                base_url=self.url, color_scheme=scheme, locale=language, reduced_motion="reduce"
            )
            for cookie, value in (self.cookies or {}).items():
                await context.add_cookies([{"name": cookie, "value": value, "url": self.url}])
            page = await context.new_page()
            await arrive(page)
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 900})
                await page.screenshot(path=OUT / f"{name}-{width}-{scheme}-{language}.png", full_page=True)
            await context.close()


async def _visitors(browser: Browser, stack: AsyncExitStack) -> None:
    api = ApiDouble()
    api_url = await stack.enter_async_context(serve(api_app(api)))
    camera = Camera(browser, await stack.enter_async_context(serve(_portal(api_url))))
    for name, path in PAGES.items():
        api.reset()
        _workshops(api)
        await camera.shoot(name, lambda page, path=path: page.goto(path))  # type: ignore[misc]  # bound at once
    for state, prepare in STATES.items():
        api.reset()
        _workshops(api)
        prepare(api)
        await camera.shoot(f"session-{state}", lambda page: page.goto(SESSION))
    for name, arrive in SITUATIONS.items():

        async def anew(page: Page, arrive: Callable[[Page, ApiDouble], Awaitable[None]] = arrive) -> None:
            api.reset()
            _workshops(api)
            await arrive(page, api)

        await camera.shoot(name, anew)


async def _console(browser: Browser, stack: AsyncExitStack) -> None:
    api, api_url = await stack.enter_async_context(api_db(stack.enter_context(database())))
    url = await stack.enter_async_context(serve(_portal(api_url)))
    client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
    admin, agent = Visit(client), AgentDouble(api, await api.login(AGENT | {"lifetime": 43_200}))
    await admin.sign_in(ADMIN["username"], ADMIN["password"])
    await some_life(api, agent, admin)
    camera = Camera(browser, url, client.cookies)
    for path in await one_of_each(api, agent, admin):
        name = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")
        await camera.shoot(name, lambda page, path=path: page.goto(path))  # type: ignore[misc]  # bound at once


def _portal(api_url: str) -> Any:
    return create_app(Settings(api_url=AnyHttpUrl(api_url), secret=SecretStr("only-for-the-pictures-of-it")))


async def main(only: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        stack.push_async_callback(browser.close)
        if only in {"", "visitors"}:
            await _visitors(browser, stack)
        if only in {"", "console"}:
            await _console(browser, stack)
    sys.stdout.write(f"{len(list(OUT.glob('*.png')))} pictures in {OUT.relative_to(ROOT)}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else ""))

"""The console in a real browser: axe-core on each page in both languages, light and dark; by keyboard; on a telephone."""

from typing import Any

import httpx
import pytest
from api_support import AgentDouble, Api
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, expect
from services.frontend.tests.console.console_kit import Visit, one_of_each, running


async def opened(
    browser: Browser, url: str, cookies: httpx.Cookies | None = None, **options: Any
) -> tuple[BrowserContext, Page]:
    """A page of its own, signed in with the cookies, that notes what its policy forbids."""
    context = await browser.new_context(base_url=url, **options)
    for name, value in (cookies or {}).items():
        await context.add_cookies([{"name": name, "value": value, "url": url}])
    return context, await context.new_page()


def refusals(page: Page) -> list[str]:
    """What the content security policy has kept the page from, as it happens."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
    return complaints


async def violations(page: Page) -> list[Any]:
    results: Any = await Axe().run(page)
    return [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in results.response["violations"]]


@pytest.mark.timeout(300)
async def test_every_page_is_accessible_and_fits(
    browser: Browser,
    console_url: str,
    sessions: dict[str, httpx.Cookies],
    api: Api,
    agent: AgentDouble,
    admin: Visit,
) -> None:
    """Each page, light and English on a wide screen; every template dark and French on a telephone as well."""
    found: dict[str, Any] = {}
    every = await one_of_each(api, agent, admin)
    alike = {"students", "commands", "mails", "audit", "accounts", "locations", "notices", "announcements", "pauses"}
    each_kind = [path for path in every if path.removeprefix("/console/") not in alike]
    for scheme, locale, width, looked in (("light", "en", 1440, every), ("dark", "fr", 360, each_kind)):
        context, page = await opened(
            browser,
            console_url,
            sessions["operator"],
            color_scheme=scheme,
            locale=locale,
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
        )
        complaints = refusals(page)
        for path in looked:
            await page.goto(path)
            if wrong := await violations(page):
                found[f"{scheme} {locale} {path}"] = wrong
            if not await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
                found[f"{width} {path}"] = "is wider than the window"
        assert not complaints
        await context.close()
    assert not found, "\n".join(f"{place}: {wrong}" for place, wrong in found.items())


async def test_a_session_is_ended_by_keyboard_alone(
    browser: Browser, console_url: str, api: Api, agent: AgentDouble
) -> None:
    number = await running(api, agent, "keys@example.org", name="Keys")
    context, page = await opened(browser, console_url, locale="en")
    await page.goto(f"/console/registrations/{number}")
    await page.get_by_label("User name").focus()
    await page.keyboard.type("mo")
    await page.keyboard.press("Tab")
    await page.keyboard.type("moderator-secret")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Registration {number}")
    await tab_to(page, "End")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("End these sessions?")
    await page.get_by_label("Why").focus()
    await page.keyboard.type("asked at the desk")
    await tab_to(page, "End")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("The session is ended")
    assert await api.value("SELECT state FROM registrations WHERE id = :i", i=number) == "ended"
    await context.close()


async def tab_to(page: Page, name: str) -> None:
    """As far as it takes from where the focus is."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"{name} is not reached by the key Tab")


async def test_the_overview_catches_up_and_keeps_what_is_open(
    browser: Browser, console_url: str, sessions: dict[str, httpx.Cookies], api: Api, agent: AgentDouble
) -> None:
    await running(api, agent, "before@example.org")
    context, page = await opened(browser, console_url, sessions["operator"], locale="en")
    await page.goto("/console")
    await page.locator("[data-part=workshops] summary").click()
    await api.change("INSERT INTO notices (kind, text) VALUES ('seen', 'The hall is warm.')")
    # as a person does who comes back to the tab
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator("[data-part=latest]")).to_contain_text("The hall is warm.")
    assert await page.locator("[data-part=workshops] details").get_attribute("open") is not None
    await context.close()

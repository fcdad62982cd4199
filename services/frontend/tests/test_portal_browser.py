"""The portal in a real browser: a deployment followed live, and axe-core on every page."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect
from services.frontend.tests.portal_double import BADGE, CODE, OPTOUT, TOKEN, AlreadyRegistered, ApiDouble, workshop

SESSION = f"/sessions/{TOKEN}"


@pytest.fixture
async def page(browser: Browser, portal_url: str, api: ApiDouble) -> AsyncIterator[Page]:
    context = await browser.new_context(base_url=portal_url)
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    await context.close()
    assert not complaints


def run(api: ApiDouble) -> None:
    api.happen("running", "running")
    api.happen("clock-started", "running")
    api.become(ends_at=datetime.now(UTC) + timedelta(hours=1))


async def test_visitor_registers_and_follows_the_lab_to_its_end(page: Page, api: ApiDouble) -> None:
    await page.goto("/")
    await page.get_by_role("link", name="API 101").click()
    await page.get_by_label("Your name").fill("Grace")
    await page.get_by_label("E-mail address").fill("grace@example.org")
    await page.get_by_label("I accept").check()
    api.happen("registered", "registered", after=0.03)
    await page.get_by_role("button", name="Get my lab").click()
    await expect(page.get_by_text("You are in: student7 at Grenoble")).to_be_visible()

    api.happen("progress", step="account", percent=20, message="Preparing your account")
    api.happen("progress", step="deliver", percent=62, message="Preparing 3 notebooks for you")
    await expect(page.get_by_text("Account ready")).to_be_visible()
    await expect(page.get_by_role("progressbar", name="Progress of this step")).to_have_attribute("value", "62")
    run(api)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your lab is running")
    await expect(page.get_by_role("status")).to_contain_text("Your lab is running")
    first = await page.get_by_role("timer").inner_text()
    await expect(page.get_by_role("timer")).not_to_have_text(first)

    await page.get_by_text("End the session now").click()
    await page.get_by_role("button", name="Yes, end it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your session is over")
    api.happen("cleaned", "ended")
    api.become(cleaned=True, completion=78)
    await expect(page.get_by_role("progressbar", name="Share of the code cells")).to_have_attribute("value", "78")


async def test_open_confirmation_and_focus_survive_a_progress_report(page: Page, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    api.happen("accepted", "deploying")
    await page.goto(SESSION)
    await page.get_by_text("Cancel my registration").click()
    button = page.get_by_role("button", name="Yes, cancel it")
    await button.focus()
    api.happen("progress", step="deliver", percent=50, message="Half way")
    await expect(page.get_by_text("Half way")).to_be_visible()
    await expect(button).to_be_focused()


async def test_the_catalogue_answers_while_one_types_and_no_other_site_is_asked(page: Page, api: ApiDouble) -> None:
    api.workshops = [
        workshop(replay_link="https://youtu.be/dQw4w9WgXcQ"),
        workshop("WKSHP-Git", name="Git without fear"),
    ]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto("/workshops")
    await page.get_by_label("Search").press_sequentially("fear")
    await expect(page.get_by_role("status")).to_contain_text("1 workshop")
    await expect(page.get_by_role("link", name="API 101")).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"/workshops\?q=fear$"))
    await page.get_by_role("link", name="Show all of them").first.click()
    await page.get_by_role("link", name="API 101").click()
    await expect(page.get_by_role("link", name="Watch the recording")).to_be_visible()
    assert {url.split("/")[2] for url in asked} == {page.url.split("/")[2]}
    await page.route("https://www.youtube-nocookie.com/**", lambda route: route.fulfill(body="player"))
    await page.wait_for_load_state()  # until its script runs it is a link to the other site
    await page.get_by_role("link", name="Watch the recording").press("Enter")
    await expect(page.locator("iframe")).to_have_attribute("src", re.compile("youtube-nocookie"))
    assert any("youtube-nocookie" in url for url in asked)


async def test_page_catches_up_after_a_reload_and_a_broken_line(page: Page, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    await page.goto(SESSION)
    await page.reload()
    api.cut_streams()
    api.happen("progress", step="deliver", percent=50, message="Half way")
    await expect(page.get_by_text("Half way")).to_be_visible()


async def test_page_wakes_up_when_it_becomes_visible(page: Page, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    await page.goto(SESSION)
    api.become(state="cancelled")
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.get_by_role("status")).to_contain_text("Your registration is cancelled")


async def test_keyboard_reaches_the_content_first(page: Page) -> None:
    await page.goto("/")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()


async def test_form_and_session_work_without_script(browser: Browser, portal_url: str, api: ApiDouble) -> None:
    context = await browser.new_context(base_url=portal_url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/workshops/WKSHP-API101")
    await page.get_by_label("Your name").fill("Grace")
    await page.get_by_label("E-mail address").fill("grace@example.org")
    await page.get_by_label("I accept").check()
    api.happen("registered", "registered")
    await page.get_by_role("button", name="Get my lab").click()
    await expect(page.get_by_role("link", name="Reload now")).to_be_visible()
    await context.close()


STATES = ("waiting", "offered", "registered", "deploying", "running", "expiring", "ended", "failed", "cancelled")


def prepare(api: ApiDouble, state: str) -> None:
    api.workshops.append(workshop("WKSHP-Git", name="Git without fear", room=0, category=["Data"]))
    if state in {"waiting", "offered"}:
        api.stand_in_line(state)
        return
    api.happen("registered", "registered", after=0.03)
    if state != "registered":
        api.happen("progress", step="account", percent=20, seconds=0.4)
        api.happen("progress", step="deliver", percent=62, message="Preparing 3 notebooks for you")
    if state in {"running", "expiring", "ended"}:
        run(api)
        api.earned = [{"token": str(BADGE.token), "name": "API 101", "shown_name": ""}]
    api.become(state=state, completion=78 if state in {"running", "ended"} else None, extension_seconds=3600)


async def no_violations(page: Page) -> None:
    results: Any = await Axe().run(page)
    found = results.response["violations"]
    assert not found, [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def speak(page: Page, language: str) -> None:
    await page.set_extra_http_headers({"Accept-Language": language})


@pytest.mark.parametrize(
    ("scheme", "language", "width"),
    [("light", "en", 360), ("dark", "fr", 360), ("light", "fr", 1440), ("dark", "en", 1440)],
)
async def test_pages_are_accessible_and_fit(page: Page, api: ApiDouble, scheme: Any, language: str, width: int) -> None:
    await speak(page, language)
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    prepare(api, "registered")
    api.workshops[0] = workshop(replay_link="https://youtu.be/dQw4w9WgXcQ")
    words = "Bereitstellungsautomatisierungsgrundlagen"
    api.workshops.append(workshop("WKSHP-Paused", name=words, presenter=words, category=[words], paused=f"{words}."))
    for path in (
        "/",
        "/workshops?category=Data",
        "/workshops?q=nothing",
        "/workshops/WKSHP-API101",
        "/workshops/WKSHP-API101/finisher-badge",
        "/workshops/1/special-badge",
        f"/badges/{BADGE.token}",
        "/replays",
        "/join",
        f"/join/{CODE}",
        "/accessibility",
        "/styleguide",
        "/workshops/WKSHP-Git",
        "/terms",
        "/privacy",
        "/workshops/WKSHP-Paused",
        "/join?code=AAAA-0000",
        f"/mail/unsubscribe/{OPTOUT}",
        "/sessions/7-dW5rbm93bg",
        "/no",
    ):
        await page.goto(path)
        await no_violations(page)
        assert await fits(page), path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
async def test_sessions_are_accessible_in_every_state(page: Page, api: ApiDouble, scheme: Any, state: str) -> None:
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await speak(page, "en" if scheme == "light" else "fr")
    prepare(api, state)
    await page.goto(SESSION)
    for confirmation in await page.locator("summary").all():
        await confirmation.click()
    await no_violations(page)
    await page.set_viewport_size({"width": 360, "height": 900})
    assert await fits(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_goes_wrong_is_accessible(page: Page, api: ApiDouble, scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto("/workshops/WKSHP-API101")
    await page.evaluate("document.forms[0].noValidate = true")
    await page.get_by_role("button", name="Get my lab").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await no_violations(page)
    api.refusal = AlreadyRegistered("one address, one lab")
    for field in ("#name", "#email"):
        await page.locator(field).fill("grace@example.org")
    await page.locator("#terms").check()
    await page.get_by_role("button", name="Get my lab").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    await no_violations(page)
    api.away = True
    await page.goto("/workshops")
    await no_violations(page)

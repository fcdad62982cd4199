"""What a real browser makes of the guards: a script in a page, the cookies, the address, a frame; and without each guard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.async_api import Browser, Page, Request
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import serve
from services.frontend.tests.portal_double import TOKEN, ApiDouble, workshop

from wod_frontend import security
from wod_frontend.app import create_app
from wod_frontend.csrf import COOKIE, FormGuard
from wod_frontend.settings import Settings

SCRIPT = "<script>window.hit = 1</script><img src='/none' onerror='window.hit = 1'>"


@asynccontextmanager
async def opened(browser: Browser, api_url: str) -> AsyncIterator[Page]:
    """A portal of its own, made with whatever guards are there at the moment."""
    settings = Settings(api_url=AnyHttpUrl(api_url), secret=SecretStr("only-for-the-tests-of-the-portal"))
    async with serve(create_app(settings)) as url:
        context = await browser.new_context(base_url=url)
        yield await context.new_page()
        await context.close()


async def hit(page: Page) -> bool:
    await page.goto("/workshops")
    return bool(await page.evaluate("window.hit"))


async def test_a_script_that_gets_into_a_page_is_run_only_without_escaping_and_policy(
    browser: Browser, api_url: str, api: ApiDouble, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    api.workshops = [workshop(name=SCRIPT)]
    async with opened(browser, api_url) as page:
        assert not await hit(page)
    request.getfixturevalue("no_escaping")
    async with opened(browser, api_url) as page:
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
        assert not await hit(page)
        assert len(refused) >= 2
    monkeypatch.setattr(security, "HEADERS", {})
    async with opened(browser, api_url) as page:
        assert await hit(page)


async def told(page: Page) -> set[str]:
    """What the requests of a session's page tell of where they come from."""
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - its type is the event's
    await page.goto(f"/sessions/{TOKEN}")
    headers = [await request.all_headers() for request in asked]
    return {one["referer"] for one in headers if "referer" in one}


async def framed(page: Page) -> bool:
    """Whether another site's page can show a session in a frame, to have it clicked on."""
    frame = f'<iframe src="{page.url}"></iframe>'
    other = FastAPI()
    other.get("/", response_class=HTMLResponse)(lambda: f"<!doctype html><title>Win</title>{frame}")
    async with serve(other) as elsewhere:
        await page.goto(elsewhere)
        await page.frames[-1].wait_for_load_state()
        return await page.frame_locator("iframe").locator("#parts").count() > 0


async def test_the_personal_address_is_told_to_nobody_and_framed_by_nobody_but_without_the_headers(
    browser: Browser, api_url: str, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(browser, api_url) as page:
        assert await told(page) == set()
        assert not await framed(page)
    monkeypatch.setattr(security, "HEADERS", {})
    async with opened(browser, api_url) as page:
        assert any(TOKEN in referrer for referrer in await told(page))
        assert await framed(page)


async def test_no_script_reads_the_cookies_but_where_they_are_set_without_their_flags(
    browser: Browser, api_url: str, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(browser, api_url) as page:
        await page.goto("/workshops/WKSHP-API101")
        assert COOKIE in {one["name"] for one in await page.context.cookies()}
        assert await page.evaluate("document.cookie") == ""

    def remember(guard: FormGuard, request: object, response: object) -> None:
        response.set_cookie(COOKIE, guard.nonce(request))  # type: ignore[attr-defined,arg-type]  # the real ones

    monkeypatch.setattr(FormGuard, "remember", remember)
    async with opened(browser, api_url) as page:
        await page.goto("/workshops/WKSHP-API101")
        assert COOKIE in await page.evaluate("document.cookie")

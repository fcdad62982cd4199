"""What a person finds and does on the page that his mail leads to; each act is looked up where it has its effect."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Download, Page, expect
from visitor import Platform, credentials_in, fill_in, link_in, register_in_browser, until

ADDRESS = "sam@example.org"


async def content(download: Download) -> str:
    return Path(await download.path()).read_text(encoding="utf-8")


@pytest.mark.timeout(240)
async def test_the_buttons_of_a_session_do_what_they_say(platform: Platform, page: Page) -> None:
    token = await register_in_browser(page, platform.urls["portal"], "WKSHP-API101", ADDRESS)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your lab is running")
    username, password = await platform.credentials(ADDRESS)
    clock = page.get_by_role("timer")
    await expect(clock).to_have_text(re.compile(r"^[12]:\d\d:\d\d$"))
    shown = await clock.inner_text()
    await expect(clock).not_to_have_text(shown)

    before = datetime.fromisoformat((await platform.registration(token))["ends_at"])
    await page.get_by_role("button", name="Give me 1 hour more").click()
    await expect(page.get_by_role("status").filter(has_text="You have more time.")).to_be_visible()
    after = datetime.fromisoformat((await platform.registration(token))["ends_at"])
    assert after - before == timedelta(hours=1)
    await expect(page.get_by_role("button", name="Give me")).to_have_count(0)

    async with page.expect_download() as entry:
        await page.get_by_role("link", name="Add to my calendar").click()
    calendar = await content(await entry.value)
    assert f"DTEND:{after:%Y%m%dT%H%M%SZ}" in calendar
    assert password not in calendar

    again = page.get_by_role("button", name="Mail me the password again")
    await again.click()
    await expect(page.get_by_role("alert")).to_contain_text("less than 2 minutes ago")
    await platform.change("UPDATE mails SET created_at = created_at - interval '3 minutes'")
    await again.click()
    await expect(page.get_by_role("status").filter(has_text="on its way once more")).to_be_visible()
    first, second = await platform.mails(ADDRESS, "ready", 2)
    assert credentials_in(first) == credentials_in(second) == (username, password)
    assert await platform.opens(username, password)

    await _ask_for_another(platform, page, token)
    other = await _take_it_instead(platform, page, token)
    assert not await platform.opens(username, password)
    await _be_forgotten(platform, page, other)


async def _ask_for_another(platform: Platform, page: Page, token: str) -> None:
    """Neither the page nor its status tells that the address holds a session; its mailbox hears of it."""
    stranger = await page.context.new_page()
    await stranger.goto(f"{platform.urls['portal']}/workshops/WKSHP-Python101")
    await fill_in(stranger, ADDRESS.upper())
    await expect(stranger.get_by_role("heading", level=1)).to_have_text("Check your mail")
    told = await stranger.content()
    assert token not in told
    assert "API" not in await stranger.locator("main").inner_text()
    await stranger.close()
    await page.goto(link_in(await platform.mail(ADDRESS, "already have a lab"), "instead="))
    assert page.url.split("?")[0].endswith(token)
    assert (await platform.registration(token))["state"] == "running"


async def _take_it_instead(platform: Platform, page: Page, token: str) -> str:
    await page.get_by_role("button", name="End this one and take the other").click()
    await expect(page).to_have_url(re.compile("/workshops/WKSHP-Python101$"))
    assert (await platform.registration(token))["state"] == "ended"
    await fill_in(page, ADDRESS)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your lab is running")
    assert (await platform.cleaned(token))["state"] == "ended"
    return page.url.rsplit("/", 1)[1]


async def _be_forgotten(platform: Platform, page: Page, token: str) -> None:
    _, latest = credentials_in(await platform.mail(ADDRESS, "Your lab is ready: Python"))
    username = (await platform.registration(token))["username"]
    await page.get_by_text("My data", exact=True).click()
    async with page.expect_download() as data:
        await page.get_by_role("link", name="Download what we hold about you").click()
    held = json.loads(await content(await data.value))
    assert ADDRESS in json.dumps(held)
    await page.get_by_role("button", name="Yes, erase my data").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your data is erased")

    await page.goto(f"{platform.urls['portal']}/sessions/{token}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("We do not know this session")
    number = int(token.partition("-")[0])

    async def forgotten() -> dict[str, Any] | None:
        row = next(row for row in await platform.operator("registrations") if row["id"] == number)
        return row if row["cleaned_at"] and not row["email"] else None

    assert ADDRESS not in json.dumps(await until(forgotten, "the clean seat of nobody"))
    assert not await platform.opens(username, latest)

"""Operators on the real stack: many rows at once, the lists, the file, and what visitors see of it."""

import csv
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from visitor import Platform, sign_in

WORKSHOP = "WKSHP-API101"
PEOPLE = ("bulk-one@example.org", "bulk-two@example.org")


@pytest.mark.timeout(240)
async def test_several_sessions_are_ended_at_once_and_registration_is_paused(platform: Platform, page: Page) -> None:
    tokens = [await platform.register(WORKSHOP, person) for person in PEOPLE]
    for token in tokens:
        await platform.in_state(token, "running")
    credentials = [await platform.credentials(person) for person in PEOPLE]
    await sign_in(page, platform)
    await _pause(platform, page)

    await page.get_by_role("link", name="Registrations", exact=True).click()
    await page.get_by_label("Search").fill("bulk-")
    await page.get_by_label("State").select_option("running")
    await page.get_by_role("button", name="Show", exact=True).click()
    async with page.expect_download() as sheet:
        await page.get_by_role("link", name="Download (CSV)").click()
    lines = Path(await (await sheet.value).path()).read_text(encoding="utf-8-sig").splitlines()
    assert {row["email"] for row in csv.DictReader(lines)} == set(PEOPLE)
    for box in await page.get_by_role("checkbox", name="Choose").all():
        await box.check()
    await page.get_by_role("button", name="End", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("End these sessions?")
    for person in PEOPLE:
        await expect(page.get_by_role("link", name=person)).to_be_visible()
    assert [(await platform.registration(token))["state"] for token in tokens] == ["running"] * 2
    await page.get_by_label("Why").fill("the hall is closed")
    await page.get_by_role("button", name="End", exact=True).click()
    await expect(page.get_by_role("status")).to_have_text("2 of 2 done.")
    for token, person, (username, password) in zip(tokens, PEOPLE, credentials, strict=True):
        assert (await platform.cleaned(token))["state"] == "ended"
        await platform.mail(person, "Thank you")
        assert await platform.seat_state(username) == "free"
        assert not await platform.opens(username, password)

    await page.get_by_role("link", name="See it in the audit").click()
    for token in tokens:
        row = page.get_by_role("row").filter(has_text=f"registration {token.partition('-')[0]}")
        await expect(row.filter(has_text="registration.end")).to_contain_text("the hall is closed")


async def _pause(platform: Platform, page: Page) -> None:
    """Told to visitors in the operator's words, and lifted again."""
    visitor = await page.context.new_page()
    await page.get_by_role("link", name="Pauses", exact=True).click()
    await page.get_by_role("link", name="Pause registration").click()
    await page.get_by_label("Text").fill("Back at two <b>sharp</b>.")
    await page.get_by_label("Only for the workshop").select_option(WORKSHOP)
    await page.get_by_role("button", name="Pause registration").click()
    [pause] = await platform.operator("pauses")
    assert (pause["text"], pause["workshop"]) == ("Back at two <b>sharp</b>.", WORKSHOP)
    await visitor.goto(f"{platform.urls['portal']}/workshops/{WORKSHOP}")
    await expect(visitor.get_by_text("Back at two <b>sharp</b>.")).to_be_visible()
    await expect(visitor.get_by_role("button", name="Get my lab")).to_have_count(0)
    await page.get_by_role("checkbox", name="Choose").check()
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_role("status")).to_contain_text("Registration goes on.")
    assert await platform.operator("pauses") == []
    await visitor.reload()
    await expect(visitor.get_by_role("button", name="Get my lab")).to_be_visible()
    await visitor.close()

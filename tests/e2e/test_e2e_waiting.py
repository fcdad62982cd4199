"""A workshop without a free seat: the line, the offer, the one click, and leaving."""

import re

import pytest
from playwright.async_api import Page, expect
from visitor import TIGHT, Platform, fill_in, link_in, until


@pytest.mark.timeout(240)
async def test_who_finds_no_seat_waits_is_offered_one_and_takes_it_with_one_click(
    platform: Platform, page: Page
) -> None:
    holder = await platform.register(TIGHT, "holder@example.org")
    leaver = await platform.register(TIGHT, "leaver@example.org", wait=True)

    async def told() -> bool | None:
        await page.goto(f"{platform.urls['portal']}/workshops/{TIGHT}")
        return await page.get_by_text("1 person waits already.").count() > 0 or None

    await until(told, "the length of the line")
    await fill_in(page, "waiter@example.org", "Put me on the list")
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are on the list")
    waiter = page.url.rsplit("/", 1)[1]
    assert link_in(await platform.mail("waiter@example.org", "waiting list"), "/sessions/") == page.url
    assert (await platform.registration(waiter))["line"]["place"] == 2

    await page.goto(f"{platform.urls['portal']}/sessions/{leaver}")
    await page.get_by_text("Leave the line").click()
    await page.get_by_role("button", name="Yes, leave it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your registration is cancelled")
    assert (await platform.registration(leaver))["state"] == "cancelled"
    assert (await platform.registration(waiter))["line"]["place"] == 1

    await platform.in_state(holder, "running")
    taken, old_password = await platform.credentials("holder@example.org")
    await platform.end(holder)
    await page.goto(link_in(await platform.mail("waiter@example.org", "A seat is free"), "/sessions/"))
    await page.get_by_role("button", name="Take the seat").click()
    await expect(page.get_by_role("status").filter(has_text="The seat is yours.")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your lab is running")
    username, password = await platform.credentials("waiter@example.org")
    assert username == taken
    assert await platform.opens(username, password)
    assert not await platform.opens(username, old_password)

    await page.get_by_text("End the session now").click()
    await page.get_by_role("button", name=re.compile("end it")).click()
    await platform.cleaned(waiter)
    # whoever left the line was offered nothing
    subjects = [str(mail["Subject"]) for mail in platform.stack.mails() if "leaver@example.org" in mail["To"]]
    assert [subject for subject in subjects if "free" in subject or "ready" in subject] == []

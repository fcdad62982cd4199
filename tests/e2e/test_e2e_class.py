"""A class on the real stack: the instructor's browser and a participant's, side by side."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.async_api import Browser, FilePayload, Page, expect
from visitor import Platform, fill_in, link_in

WORKSHOP = "WKSHP-Python101"
PARTICIPANT = "pat@example.org"
TEACHER = {
    "username": "tess",
    "email": "tess@example.org",
    "role": "instructor",
    "password": "an-instructor-of-the-tests",
}


async def as_instructor(platform: Platform, page: Page) -> None:
    account = {"username": "admin", "password": platform.stack.state.secrets().admin_password}
    login = await platform.http.post(f"{platform.urls['api']}/api/v1/login", json=account)
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    made = await platform.http.post(f"{platform.urls['api']}/api/v1/accounts", json=TEACHER, headers=headers)
    assert made.status_code == httpx.codes.CREATED, made.text
    await page.goto(f"{platform.urls['portal']}/console")
    await page.get_by_label("User name").fill(TEACHER["username"])
    await page.get_by_label("Password").fill(TEACHER["password"])
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Classes")


async def book(page: Page) -> str:
    """An hour from now, for one; the address of its page."""
    start = datetime.now(UTC) + timedelta(hours=1)
    await page.get_by_role("link", name="New class").click()
    await page.get_by_label("Workshop", exact=True).select_option(WORKSHOP)
    await page.get_by_label("Title").fill("Evening <class>")
    await page.get_by_label("Participants").fill("1")
    await page.get_by_label("One more seat for whoever speaks").uncheck()
    await page.get_by_label("Begins (UTC)").fill(f"{start:%Y-%m-%dT%H:%M}")
    await page.get_by_label("Ends (UTC)").fill(f"{start + timedelta(hours=1):%Y-%m-%dT%H:%M}")
    await page.get_by_role("button", name="New class").click()
    await page.get_by_role("row").filter(has_text="Evening <class>").get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Evening <class>")
    return page.url.split("?")[0]


async def invite(platform: Platform, page: Page) -> None:
    """A file with a broken line invites nobody; the mended one does."""
    for second in ("no-address,Pat", f"{PARTICIPANT},Pat"):
        roster = FilePayload(name="roster.csv", mimeType="text/csv", buffer=f"email,name\n{second}\n".encode())
        await page.get_by_label("A CSV file").set_input_files([roster])
        await page.get_by_role("button", name="Invite them by mail").click()
        if second.startswith("no"):
            await expect(page.get_by_role("alert")).to_contain_text("line 2")
            await expect(page.get_by_role("alert")).to_contain_text("no-address")
            assert not [mail for mail in platform.stack.mails() if "Evening" in str(mail["Subject"])]
    await expect(page.get_by_role("status").filter(has_text="1 invited now")).to_be_visible()
    invitation = await platform.mail(PARTICIPANT, "Evening")
    assert "text/calendar" in [part.get_content_type() for part in invitation.walk()]


async def live(page: Page, text: str) -> None:
    """The table has it without the page being asked for again."""
    await expect(page.locator("[data-part=people]")).to_contain_text(text)


@pytest.mark.timeout(240)
async def test_an_instructor_runs_a_class_from_the_booking_to_the_last_lab(
    platform: Platform, page: Page, browser: Browser
) -> None:
    await as_instructor(platform, page)
    home = await book(page)
    await invite(platform, page)
    await page.get_by_role("link", name="Poster with the code").click()
    await expect(page.get_by_role("img", name="QR code of the address to join").locator("svg")).to_be_visible()
    code = await page.locator(".code-poster").inner_text()
    assert await page.locator(".poster-address").inner_text() == link_in(
        await platform.mail(PARTICIPANT, "Evening"), "/join/"
    )

    seat = await (await browser.new_context(locale="en")).new_page()
    await seat.goto(f"{platform.urls['portal']}/join")
    await seat.get_by_label("The code").fill(code.lower())
    await seat.get_by_role("button", name="Go to the class").click()
    await fill_in(seat, PARTICIPANT)
    await expect(seat.get_by_role("alert")).to_be_visible()
    assert not [row for row in await platform.operator("registrations") if row["email"] == PARTICIPANT]

    await page.goto(home)
    await page.get_by_role("link", name="Start all").click()
    await page.get_by_role("button", name="Start all").click()
    await expect(page.get_by_role("status")).to_contain_text("The class is open.")
    await seat.goto(f"{platform.urls['portal']}/join/{code}")
    await fill_in(seat, PARTICIPANT)
    await expect(seat.get_by_role("heading", level=1)).to_have_text("Your lab is running")
    token = seat.url.rsplit("/", 1)[1]
    username, password = await platform.credentials(PARTICIPANT)
    assert await platform.opens(username, password)
    await live(page, "running")

    await seat.get_by_role("button", name="Ask for help").click()
    await expect(seat.get_by_text("Your instructor knows")).to_be_visible()
    await live(page, "wants help")
    await page.get_by_role("button", name="Has been helped").click()
    await expect(page.locator("[data-part=people]")).not_to_contain_text("wants help")
    assert (await platform.registration(token))["help_wanted_at"] is None

    await page.get_by_role("link", name="End all").click()
    await page.get_by_role("button", name="End all").click()
    await expect(page.get_by_role("status")).to_contain_text("The class is over.")
    await expect(seat.get_by_role("heading", level=1)).to_have_text("Your session is over")
    assert (await platform.cleaned(token))["state"] == "ended"
    assert not await platform.opens(username, password)
    await platform.mail(TEACHER["email"], "Your class is over")
    acts = [(act["username"], act["action"]) for act in await platform.operator("audit", object_type="class")]
    assert {("tess", "class.open"), ("tess", "class.end")} <= set(acts)
    await seat.context.close()

"""The whole road of a visitor in a browser that runs no script."""

import pytest
from playwright.async_api import Page, expect
from visitor import Platform, fill_in, link_in

ADDRESS = "plain@example.org"


@pytest.mark.timeout(240)
async def test_without_a_script_a_visitor_goes_from_the_catalogue_to_the_feedback(
    platform: Platform, plain_page: Page
) -> None:
    page = plain_page
    await page.goto(platform.urls["portal"])
    await page.get_by_role("link", name="Workshops", exact=True).click()
    await page.get_by_label("Search").fill("desk you will work at")
    await page.get_by_label("Length").select_option(label="At most 1 hour")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("link", name="Jupyter 101: your lab, your notebook").first.click()
    await page.get_by_role("button", name="Get my lab").click()
    await fill_in(page, ADDRESS)
    # the page comes anew by itself
    await expect(page.get_by_role("link", name="Add to my calendar")).to_be_visible()
    token = page.url.rsplit("/", 1)[1]
    assert link_in(await platform.mail(ADDRESS, "Welcome"), "/sessions/") == page.url
    username, password = await platform.credentials(ADDRESS)
    assert await platform.opens(username, password)
    assert (
        await page.get_by_role("link", name="Open the lab").get_attribute("href")
        == ((await platform.registration(token))["lab_url"])
    )

    await page.get_by_role("button", name="Give me").click()
    await expect(page.get_by_role("status").filter(has_text="You have more time.")).to_be_visible()
    assert (await platform.registration(token))["extension_seconds"] is None
    await page.get_by_role("button", name="Mail me the password again").click()
    await expect(page.get_by_role("alert")).to_contain_text("less than 2 minutes ago")

    await page.get_by_text("End the session now").click()
    await page.get_by_role("button", name="Yes, end it and wipe my lab").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your session is over")
    assert (await platform.registration(token))["state"] == "ended"
    await page.get_by_label("Good").check()
    await page.get_by_label("What should we know?").fill("It works with everything switched off.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_text("helps the next one")).to_be_visible()
    [given] = [
        row for row in await platform.operator("feedback") if str(row["registration"]) == token.partition("-")[0]
    ]
    assert (given["rating"], given["text"]) == (4, "It works with everything switched off.")

    await platform.cleaned(token)
    assert await platform.seat_state(username) == "free"
    assert not await platform.opens(username, password)
    await platform.mail(ADDRESS, "Thank you")
    await page.get_by_text("My data", exact=True).click()
    await page.get_by_role("button", name="Yes, erase my data").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your data is erased")
    assert ADDRESS not in str(await platform.operator("registrations"))

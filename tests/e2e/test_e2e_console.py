"""Operators and instructors on the real stack: what they do in the browser is in the rows, the mails, the audit, the hub."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.async_api import Page, expect
from visitor import Platform, sign_in, until

from wod_jupyterhub.testing import Browser as Student


@pytest.mark.timeout(240)
async def test_an_operator_follows_a_registration_and_takes_the_seat_back(platform: Platform, page: Page) -> None:
    token = await platform.register("WKSHP-API101", "console@example.org")
    running = await platform.in_state(token, "running")
    username, password = await platform.credentials("console@example.org")
    student = Student(platform.urls["hub"], username)
    assert (await student.sign_in(password)).status_code == httpx.codes.FOUND

    await sign_in(page, platform)
    await page.get_by_role("link", name="Registrations", exact=True).click()
    await page.get_by_label("Search").fill("console@example")
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.get_by_role("link", name=str(running["id"]), exact=True).click()
    story = page.locator(".timeline")
    for told in ("registered", "CREATE(WKSHP-API101)", "mail(credentials)"):
        await expect(story).to_contain_text(told)
    await story.get_by_text("What was reported").click()
    await expect(story.locator("pre.output").first).to_contain_text("TASK [Render the workshop and put it into a")
    assert password not in await story.inner_text()

    await page.get_by_role("link", name="Give more time").click()
    await page.get_by_label("Minutes").fill("30")
    await page.get_by_label("Why").fill("the network was down")
    await page.get_by_role("button", name="Give more time").click()
    await expect(page.get_by_role("status")).to_contain_text("has more time")
    later = (await platform.registration(token))["ends_at"]
    gained = datetime.fromisoformat(later) - datetime.fromisoformat(running["ends_at"])
    # the clock may have started between the two
    assert timedelta(minutes=15) < gained <= timedelta(minutes=31)

    await page.get_by_role("link", name="End", exact=True).click()
    await page.get_by_label("Why").fill("the room is needed")
    await page.get_by_role("button", name="End", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("The session is ended")
    assert (await platform.cleaned(token))["state"] == "ended"
    await platform.mail("console@example.org", "Thank you")
    assert await platform.seat_state(username) == "free"
    fresh = Student(platform.urls["hub"], username)
    assert (await fresh.sign_in(password)).status_code != httpx.codes.FOUND
    acts = await platform.operator("audit", object_type="registration", object_id=str(running["id"]))
    assert [(act["username"], act["action"], act["data"]["reason"]) for act in reversed(acts)] == [
        ("admin", "registration.extend", "the network was down"),
        ("admin", "registration.end", "the room is needed"),
    ]
    await student.close()
    await fresh.close()


@pytest.mark.timeout(240)
async def test_a_class_is_booked_joined_and_ended_without_a_script(platform: Platform, page: Page) -> None:
    assert page.context.browser is not None
    context = await page.context.browser.new_context(java_script_enabled=False, locale="en")
    plain = await context.new_page()
    await sign_in(plain, platform)
    await plain.get_by_role("link", name="Classes", exact=True).click()
    await plain.get_by_role("link", name="New class").click()
    start = datetime.now(UTC) + timedelta(minutes=5)
    await plain.get_by_label("Workshop", exact=True).select_option("WKSHP-Python101")
    await plain.get_by_label("Title").fill("Morning class")
    await plain.get_by_label("Participants").fill("2")
    await plain.get_by_label("Begins (UTC)").fill(start.strftime("%Y-%m-%dT%H:%M"))
    await plain.get_by_label("Ends (UTC)").fill((start + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"))
    await plain.get_by_role("button", name="New class").click()
    await expect(plain.get_by_role("status")).to_contain_text("The class is booked.")
    [taught] = [row for row in await platform.operator("classes") if row["title"] == "Morning class"]
    await plain.goto(f"{platform.urls['portal']}/console/classes/{taught['id']}")
    await plain.get_by_label("Or typed here").fill("email,name\nclass@example.org,Class Member\n")
    await plain.get_by_role("button", name="Invite them by mail").click()
    await expect(plain.get_by_text("1 invited now")).to_be_visible()
    await platform.mail("class@example.org", "Morning class")

    form = {"workshop": "WKSHP-Python101", "name": "Class Member", "email": "class@example.org", "terms_version": "1"}
    joined = await platform.http.post(
        f"{platform.urls['api']}/api/v1/registrations", json=form | {"join_code": taught["code"]}
    )
    assert joined.status_code == httpx.codes.CREATED, joined.text
    token = joined.json()["token"]
    await platform.in_state(token, "running")

    async def seen() -> bool | None:
        await plain.goto(f"{platform.urls['portal']}/console/classes/{taught['id']}")
        return await plain.locator("[data-part=people]").get_by_text("running").count() > 0 or None

    await until(seen, "the participant in the table")
    await plain.get_by_role("link", name="End all").click()
    await plain.get_by_role("button", name="End all").click()
    await expect(plain.get_by_role("status")).to_contain_text("The class is over.")
    assert (await platform.cleaned(token))["state"] == "ended"
    assert re.search("class.end", str(await platform.operator("audit", object_type="class")))
    await context.close()

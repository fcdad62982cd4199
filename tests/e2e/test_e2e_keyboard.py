"""The whole road of a visitor with the keyboard alone: every step is reached, seen, and in the order of the page."""

import re

import pytest
from playwright.async_api import Page, expect
from visitor import Platform

ADDRESS = "keys@example.org"
FARTHEST = 60  # steps from one thing to the next

#: what has the focus: its name, whether it can be seen that it has, and whether it comes after the one before
STEP = """() => {
  const here = document.activeElement, before = window.before;
  // a card, or the word beside a choice, is framed in the place of what is in it
  const framed = [here, here.closest(".card"), here.closest("label")].some((one) => {
    const style = one && getComputedStyle(one);
    return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  });
  const label = here.labels && here.labels.length ? here.labels[0].textContent : "";
  window.before = here;
  const box = here.getBoundingClientRect();
  return {
    name: (label || here.textContent || here.getAttribute("aria-label") || "").replace(/\\s+/g, " ").trim(),
    seen: here === document.body || (framed && box.width > 0 && box.height > 0 && box.left >= 0),
    inOrder: !before || !before.isConnected || here === document.body
      || !!(before.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_FOLLOWING),
  };
}"""


async def tab_to(page: Page, name: str) -> None:
    """As far as it takes; whatever lies between is seen to have the focus, too."""
    passed: list[str] = []
    for _ in range(FARTHEST):
        await page.keyboard.press("Tab")
        step = await page.evaluate(STEP)
        assert step["seen"], f"nobody sees that {step} has the focus"
        assert step["inOrder"], f"{step} comes after {passed[-1:]}, and stands before it"
        if re.match(name, step["name"]):
            return
        passed.append(step["name"])
    pytest.fail(f"{name} is not reached by the key Tab: {passed}")


@pytest.mark.timeout(240)
async def test_with_the_keyboard_alone_a_visitor_goes_from_the_first_page_to_the_feedback(
    platform: Platform, page: Page
) -> None:
    await page.goto(platform.urls["portal"])
    await tab_to(page, "Skip to the content")
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    await tab_to(page, r"See the \d+ workshops")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Workshops")
    await tab_to(page, "Search")
    await page.keyboard.type("first two hours of Python")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("1 workshop")
    await tab_to(page, "Python 101")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Python 101")
    await _register(page)
    token = page.url.rsplit("/", 1)[1]
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your lab is running")
    await expect(page.get_by_role("timer")).to_be_visible()
    username, password = await platform.credentials(ADDRESS)

    await platform.fall_asleep(username)
    await tab_to(page, "Open the lab")
    async with page.expect_popup() as opening:
        await page.keyboard.press("Enter")
    await _sign_in(await opening.value, username, password)
    async with platform.hub() as hub:
        assert await hub.runs_server(username)
    await page.bring_to_front()
    await tab_to(page, "End the session now")
    await page.keyboard.press("Enter")
    await tab_to(page, "Yes, end it")
    await page.keyboard.press("Space")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your session is over")
    assert (await platform.cleaned(token))["state"] == "ended"
    assert not await platform.opens(username, password)
    await platform.mail(ADDRESS, "Thank you")

    await _give_feedback(page)
    [given] = [
        row for row in await platform.operator("feedback") if str(row["registration"]) == token.partition("-")[0]
    ]
    assert (given["rating"], given["text"]) == (4, "Not once did I look for the mouse.")


async def _register(page: Page) -> None:
    await tab_to(page, "Your name")
    await page.keyboard.type("Kay Board")
    await tab_to(page, "E-mail address")
    await page.keyboard.type(ADDRESS)
    await tab_to(page, "I accept")
    await page.keyboard.press("Space")
    await tab_to(page, "Get my lab")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/sessions/"))


async def _give_feedback(page: Page) -> None:
    await tab_to(page, "Bad")
    await page.keyboard.press("Space")
    for _ in range(3):
        await page.keyboard.press("ArrowRight")
    await tab_to(page, "What should we know")
    await page.keyboard.type("Not once did I look for the mouse.")
    await tab_to(page, "Send")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("helps the next one")).to_be_visible()


async def _sign_in(lab: Page, username: str, password: str) -> None:
    """At the hub's own form, which puts the focus into its first field."""
    await expect(lab.get_by_label("Username")).to_be_focused()
    await lab.keyboard.type(username)
    await lab.keyboard.press("Tab")
    await lab.keyboard.type(password)
    await lab.keyboard.press("Enter")
    await expect(lab).to_have_url(re.compile(f"/user/{username}/"))
    await lab.close()

"""The whole road once, in a browser, on the real thing."""

import re
import zipfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, Page, expect
from playwright.async_api import TimeoutError as TooSlow
from visitor import BRIEF, Platform, register_in_browser, text_of, until
from websockets.exceptions import ConnectionClosed, InvalidStatus

from wod_jupyterhub.testing import Browser as Student
from wod_jupyterhub.testing import run_cell

FIRST_LAB = next(Path(__file__).parents[2].glob("notebooks/WKSHP-Jupyter101/1-*.ipynb")).name
PATIENCE = 60_000  # milliseconds, for pages of the lab


async def sign_in(page: Page, username: str, password: str) -> None:
    """The hub's own form."""
    await page.get_by_label("Username").fill(username)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name=re.compile("sign in", re.I)).click()


@pytest.mark.timeout(240)
async def test_a_visitor_goes_from_the_portal_to_a_running_cell_and_back(platform: Platform, page: Page) -> None:
    token = await register_in_browser(page, platform.urls["portal"], "WKSHP-Jupyter101", "ada@example.org")
    await expect(page.get_by_role("heading", name="Your lab is running")).to_be_visible(timeout=PATIENCE)
    assert platform.urls["portal"] + "/sessions/" + token in text_of(await platform.mail("ada@example.org", "Welcome"))
    username, password = await platform.credentials("ada@example.org")

    lab = await page.context.new_page()
    await lab.goto((await platform.registration(token))["lab_url"])
    await sign_in(lab, username, password)
    number = username.removeprefix("student")
    await expect(lab.locator(".jp-Notebook")).to_contain_text(number, timeout=PATIENCE)
    await expect(lab.locator(".lm-TabBar-tab.lm-mod-current").filter(has_text="0-ReadMeFirst.ipynb")).to_be_visible()
    await run_first_cell(lab, username)

    await page.bring_to_front()
    async with page.expect_download() as packing:
        await page.get_by_role("link", name="Download my notebooks").click()
    with zipfile.ZipFile(await (await packing.value).path()) as packed:
        assert '"execution_count": 1' in packed.read(f"WKSHP-Jupyter101/{FIRST_LAB}").decode()
    await page.get_by_text("End the session now").click()
    await page.get_by_role("button", name=re.compile("end it")).click()
    await expect(page.get_by_role("heading", name="Your session is over")).to_be_visible()
    view = await platform.cleaned(token)
    assert view["completion"] > 0
    assert list(platform.home(username).iterdir()) == []
    assert await platform.seat_state(username) == "free"
    await platform.mail("ada@example.org", "Thank you")
    await page.get_by_label("Great").check()
    await page.get_by_label("What should we know?").fill("Clear, and just hard enough.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_text("helps the next one")).to_be_visible()
    given = [row for row in await platform.operator("feedback") if str(row["registration"]) == token.split("-")[0]]
    assert [(row["rating"], row["text"]) for row in given] == [(5, "Clear, and just hard enough.")]


async def run_first_cell(lab: Page, username: str) -> None:
    """Opens the first lab's notebook in a workspace of its own, runs its first code cell with Shift+Enter, saves."""
    hub = lab.url.split("/user/")[0]
    await lab.goto(f"{hub}/user/{username}/lab/workspaces/second/tree/WKSHP-Jupyter101/{FIRST_LAB}")
    notebook = lab.locator(".jp-NotebookPanel:visible")
    await expect(notebook.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible(timeout=PATIENCE)
    cell = notebook.locator(".jp-CodeCell").first
    await until(partial(_ran, lab, cell), "the output of the cell")
    async with lab.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url):
        await lab.keyboard.press("Control+s")


async def _ran(lab: Page, cell: Locator) -> bool | None:
    """As a person does: JupyterLab goes back to the first cell while it restores its layout, and a key may be lost."""
    with suppress(AssertionError, TooSlow):
        await cell.locator(".cm-content").click(timeout=5_000)
        await lab.keyboard.press("Shift+Enter")
        await expect(cell.locator(".jp-OutputArea-output").first).to_be_visible(timeout=5_000)
        return True
    return None


@pytest.mark.timeout(240)
async def test_when_a_session_ends_its_holder_is_locked_out(platform: Platform) -> None:
    token = await platform.register("WKSHP-Python101", "bob@example.org")
    await platform.in_state(token, "running")
    username, password = await platform.credentials("bob@example.org")
    student = Student(platform.urls["hub"], username)
    assert (await student.sign_in(password)).status_code == httpx.codes.FOUND
    await until(partial(_lab_answers, student), "the student's server")
    kernel = await student.open_kernel()
    assert (await run_cell(kernel, "print(6 * 7)")).strip() == "42"
    hub_token = await run_cell(kernel, "import os; print(os.environ['JUPYTERHUB_API_TOKEN'])")
    old = {"Authorization": f"token {hub_token.strip()}"}
    async with httpx.AsyncClient(base_url=platform.urls["hub"], trust_env=False) as stranger:
        assert (await stranger.get("/hub/api/user", headers=old)).status_code == httpx.codes.OK

        await platform.end(token)
        await platform.cleaned(token)

        assert (await stranger.get("/hub/api/user", headers=old)).status_code == httpx.codes.FORBIDDEN
    assert (await student.http.get("/hub/home")).status_code == httpx.codes.FOUND
    assert (await student.open_lab()).url.path == "/hub/login"
    with pytest.raises(ConnectionClosed):
        await run_cell(kernel, "print(1)")
    with pytest.raises(InvalidStatus):
        await student.open_socket(f"{student.server}/api/events/subscribe")
    fresh = Student(platform.urls["hub"], username)
    assert (await fresh.sign_in(password)).status_code != httpx.codes.FOUND
    assert list(platform.home(username).iterdir()) == []
    await student.close()
    await fresh.close()


async def _lab_answers(student: Student) -> httpx.Response | None:
    answer = await student.open_lab()
    return answer if answer.status_code == httpx.codes.OK and "/lab" in answer.url.path else None


@pytest.mark.timeout(240)
async def test_a_session_ends_by_itself_when_its_time_is_over(platform: Platform) -> None:
    token = await platform.register(BRIEF, "eve@example.org")
    await platform.in_state(token, "running", "expiring")
    username, _ = await platform.credentials("eve@example.org")
    await platform.mail("eve@example.org", "closes soon")
    view = await platform.cleaned(token)
    assert view["state"] == "ended"
    assert view["completion"] == 0
    assert await platform.seat_state(username) == "free"
    await platform.mail("eve@example.org", "Thank you")


@pytest.mark.timeout(240)
async def test_who_cancels_early_leaves_a_clean_seat(platform: Platform) -> None:
    token = await platform.register("WKSHP-API101", "dan@example.org")
    await platform.end(token)
    view = await platform.cleaned(token)
    assert view["state"] == "cancelled"
    assert await platform.seat_state(view["username"]) == "free"
    assert list(platform.home(view["username"]).iterdir()) == []
    again = await platform.register("WKSHP-API101", "dan@example.org")
    assert (await platform.in_state(again, "running"))["username"] == view["username"]
    await platform.end(again)
    await platform.cleaned(again)

"""A platform with two students in it, one of whom is curious."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from intruder import Intruder
from visitor import Platform, until
from websockets import InvalidStatus
from websockets.asyncio.client import ClientConnection

from wod_demo.settings import DemoSettings
from wod_demo.stack import Stack
from wod_jupyterhub.testing import Browser, run_cell

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
async def intruder() -> AsyncIterator[Intruder]:
    if os.geteuid() != 0:
        pytest.skip("needs root: students have uids of their own only then, and nothing else keeps them apart")
    folder = Path(tempfile.mkdtemp(prefix="wod-attacks-"))
    # pytest's own folders are closed to the students' uids
    folder.chmod(0o755)
    stack = Stack(DemoSettings(folder / "demo", notebooks=(ROOT / "notebooks",), seats=20))
    await stack.start()
    platform = Platform(stack)
    try:
        if not stack.isolated:
            pytest.skip("students' uids cannot reach this interpreter: put it where others may read it")
        neighbour = await _sign_in(platform, "neighbour@example.org")
        browser = await _sign_in(platform, "intruder@example.org")
        kernel = await _kernel(browser)
        yield Intruder(platform, browser.username, neighbour.username, lambda code: run_cell(kernel, code))
        await browser.close()
        await neighbour.close()
    finally:
        await platform.close()
        await stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _sign_in(platform: Platform, email: str) -> Browser:
    await platform.register("WKSHP-Jupyter101", email)
    username, password = await platform.credentials(email)
    browser = Browser(platform.urls["hub"], username)
    await browser.sign_in(password)
    await browser.http.get(f"/hub/spawn/{username}", follow_redirects=True)
    await _until_lab(browser)
    return browser


async def _until_lab(browser: Browser) -> None:
    async def look() -> bool | None:
        answer = await browser.open_lab()
        return True if answer.status_code == 200 and "/lab" in answer.url.path else None

    await until(look, f"the lab of {browser.username}")


async def _kernel(browser: Browser) -> ClientConnection:
    async def look() -> ClientConnection | None:
        # on a busy machine the proxy is out of patience before the kernel has started
        with suppress(InvalidStatus):
            return await browser.open_kernel()
        return None

    return await until(look, "a kernel")

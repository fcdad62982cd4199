"""The whole platform, started once for these tests on free ports, and a browser."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from visitor import BRIEF, TIGHT, Platform

from wod_demo.settings import DemoSettings
from wod_demo.stack import Stack

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("WOD_SHARED", ROOT.parent / "shared"))
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

# milliseconds; a busy machine with two cores needs a tenth of it
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """pytest's own folders are closed to the students' uids."""
    folder = Path(tempfile.mkdtemp(prefix="wod-e2e-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def _run(settings: DemoSettings) -> AsyncIterator[Platform]:
    stack = Stack(settings)
    await stack.start()
    platform = Platform(stack)
    yield platform
    await platform.close()
    await stack.stop()


@pytest.fixture(scope="session")
async def platform(open_folder: Path) -> AsyncIterator[Platform]:
    """Our own workshops, one that lasts for seconds, and one with a single seat."""
    special = open_folder / "special"
    _copy(special / BRIEF, {"range": "[101, 102]", "duration": "0.004"})
    _copy(special / TIGHT, {"range": "[103, 103]"})
    settings = DemoSettings(open_folder / "demo", notebooks=(ROOT / "notebooks", special), seats=103)
    async for running in _run(settings):
        yield running


def _copy(folder: Path, changes: dict[str, str]) -> None:
    """Of the first workshop, with other entries in what the platform knows of it."""
    shutil.copytree(ROOT / "notebooks" / "WKSHP-Jupyter101", folder)
    metadata = folder / "wod.yml"
    keys = [(line, line.partition(":")[0]) for line in metadata.read_text().splitlines()]
    lines = [f"{key}: {changes[key]}" if key in changes else line for line, key in keys]
    metadata.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
async def real_platform(open_folder: Path) -> AsyncIterator[Platform]:
    """The three real workshops."""
    content = SHARED / "real-workshops"
    if not content.is_dir():
        pytest.skip(f"the real workshops are not at {content}; WOD_SHARED names their parent folder")
    async for running in _run(DemoSettings(open_folder / "real", notebooks=(content,), seats=60)):
        yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine: the browser tests did not run")
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=found, args=flags)
        yield chromium
        await chromium.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


@pytest.fixture
async def plain_page(browser: Browser) -> AsyncIterator[Page]:
    """Of a browser that runs no script."""
    context = await browser.new_context(java_script_enabled=False, locale="en")
    yield await context.new_page()
    await context.close()

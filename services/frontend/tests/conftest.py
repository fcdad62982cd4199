"""The portal under test: served by uvicorn on a free port, against the api-db's double on another."""

import asyncio
import contextlib
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, async_playwright
from pydantic import AnyHttpUrl, SecretStr

from wod_frontend import pages
from wod_frontend.app import create_app
from wod_frontend.settings import Settings

# test modules are no package of their own: they import the double by its place in the repository
sys.path.insert(0, str(Path(__file__).parents[3]))

from services.frontend.tests.portal_double import ApiDouble, api_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The tests' own signal handlers stay."""
        yield


@asynccontextmanager
async def serve(app: FastAPI) -> AsyncIterator[str]:
    """The address at which the application answers."""
    # asyncio sends at once only where the socket names its protocol; else each answer waits 40 ms for its second half
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, access_log=False, log_config=None, proxy_headers=False, timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with httpx.AsyncClient() as client, asyncio.timeout(10):
        while True:
            with contextlib.suppress(httpx.TransportError):
                await client.get(f"{address}/healthz")
                break
    yield address
    server.should_exit = True
    await task


@pytest.fixture(scope="session")
async def _api() -> AsyncIterator[tuple[ApiDouble, str]]:
    double = ApiDouble()
    async with serve(api_app(double)) as address:
        yield double, address


@pytest.fixture(scope="session")
async def portal_url(_api: tuple[ApiDouble, str]) -> AsyncIterator[str]:
    settings = Settings(api_url=AnyHttpUrl(_api[1]), secret=SecretStr("only-for-the-tests-of-the-portal"))
    async with serve(create_app(settings)) as address:
        yield address


@pytest.fixture
def api(_api: tuple[ApiDouble, str]) -> Iterator[ApiDouble]:
    """The api-db, as new."""
    _api[0].reset()
    yield _api[0]
    _api[0].cut_streams()


@pytest.fixture
def api_url(_api: tuple[ApiDouble, str]) -> str:
    return _api[1]


@pytest.fixture
async def visitor(portal_url: str, api: ApiDouble) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a script: cookies, no redirects followed."""
    async with httpx.AsyncClient(base_url=portal_url, timeout=30) as client:
        yield client


class FilledForm:
    """Opens a workshop's page and sends its form."""

    def __init__(self, visitor: httpx.AsyncClient) -> None:
        self.visitor = visitor

    async def token(self, path: str) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', (await self.visitor.get(path)).text)
        assert found, f"{path} holds no form"
        return found[1]

    async def send(self, path: str = "/workshops/WKSHP-API101", **fields: str) -> httpx.Response:
        typed = {"name": "Grace", "email": "grace@example.org", "company": "", "terms": "yes"} | fields
        if "form_token" not in typed:
            typed["form_token"] = await self.token(path)
        return await self.visitor.post(path, data=typed)


@pytest.fixture
def form(visitor: httpx.AsyncClient) -> FilledForm:
    return FilledForm(visitor)


@pytest.fixture
def no_escaping(monkeypatch: pytest.MonkeyPatch) -> None:
    """For portals that are made from now on."""
    made = pages.environment

    def unescaped(*given: object) -> object:
        jinja = made(*given)  # type: ignore[arg-type]  # as they came
        jinja.autoescape = False
        return jinja

    monkeypatch.setattr(pages, "environment", unescaped)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: no browser has seen the pages")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()

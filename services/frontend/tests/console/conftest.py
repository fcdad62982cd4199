"""The console in front of the real api-db with its PostgreSQL; the agent alone is a double."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from api_support import ADMIN, AGENT, AgentDouble, Api
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import serve
from services.frontend.tests.console.console_kit import Visit
from services.frontend.tests.console.console_stack import api_db, database

from wod_api_db.settings import Settings as ApiSettings
from wod_frontend.app import create_app as create_portal
from wod_frontend.settings import Settings


@pytest.fixture(scope="session")
def api_settings() -> Iterator[ApiSettings]:
    with database() as settings:
        yield settings


@pytest.fixture(scope="session")
async def backend(api_settings: ApiSettings) -> AsyncIterator[tuple[Api, str]]:
    """The api-db's rows, and where it answers."""
    async with api_db(api_settings) as served:
        yield served


@pytest.fixture(scope="session")
async def api(backend: tuple[Api, str]) -> Api:
    return backend[0]


@pytest.fixture(scope="session")
async def agent(api: Api) -> AgentDouble:
    # for the whole run, which may take longer than a token is good for if nobody asks
    return AgentDouble(api, await api.login(AGENT | {"lifetime": 43_200}))


@pytest.fixture(scope="session")
async def console_url(backend: tuple[Api, str]) -> AsyncIterator[str]:
    settings = Settings(api_url=AnyHttpUrl(backend[1]), secret=SecretStr("only-for-the-tests-of-the-console"))
    async with serve(create_portal(settings)) as address:
        yield address


@pytest.fixture
async def stranger(console_url: str) -> AsyncIterator[Visit]:
    async with httpx.AsyncClient(base_url=console_url, timeout=30) as client:
        yield Visit(client)


@pytest.fixture(scope="session")
async def sessions(console_url: str) -> dict[str, httpx.Cookies]:
    """Signed in once: checking a password is work on purpose."""
    cookies: dict[str, httpx.Cookies] = {}
    for username, password in (
        (ADMIN["username"], ADMIN["password"]),
        ("mo", "moderator-secret"),
        ("ina", "instructor-secret"),
    ):
        async with httpx.AsyncClient(base_url=console_url, timeout=30) as client:
            await Visit(client).sign_in(username, password)
            cookies[username] = client.cookies
    return cookies


@pytest.fixture
async def admin(console_url: str, sessions: dict[str, httpx.Cookies]) -> AsyncIterator[Visit]:
    async with httpx.AsyncClient(base_url=console_url, timeout=30, cookies=sessions["operator"]) as client:
        yield Visit(client)


@pytest.fixture
async def moderator(console_url: str, sessions: dict[str, httpx.Cookies]) -> AsyncIterator[Visit]:
    async with httpx.AsyncClient(base_url=console_url, timeout=30, cookies=sessions["mo"]) as client:
        yield Visit(client)

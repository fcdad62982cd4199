"""The console in front of the real api-db with its PostgreSQL; the agent alone is a double."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from api_support import ADMIN, AGENT, AgentDouble, Api, seed_of, settings_for, write_workshop
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import serve
from services.frontend.tests.console.console_kit import PEOPLE, Visit

from wod_api_db.app import create_app as create_api
from wod_api_db.migrating import migrate
from wod_api_db.seeding import seed
from wod_api_db.settings import Settings as ApiSettings
from wod_common.tokens import generate_private_pem
from wod_demo.ports import free_port
from wod_demo.postgres import Postgres
from wod_frontend.app import create_app as create_portal
from wod_frontend.settings import Settings


@pytest.fixture(scope="session")
def api_settings() -> Iterator[ApiSettings]:
    with tempfile.TemporaryDirectory(prefix="wod-console-") as folder:
        base = Path(folder)
        base.chmod(0o755)  # PostgreSQL runs under another uid when root runs the tests
        key = base / "command.pem"
        key.write_text(generate_private_pem())
        server = Postgres(base / "data", free_port(), "test-password", durable=False)
        server.start()
        yield settings_for(server.url, key, content=str(base / "notebooks"), wrong_passwords_per_minute=5)
        server.stop()


@pytest.fixture(scope="session")
async def backend(api_settings: ApiSettings) -> AsyncIterator[tuple[Api, str]]:
    """The api-db's rows, and where it answers."""
    notebooks = Path(api_settings.content)
    write_workshop(notebooks, capacity=30, first=1, last=30)
    await migrate(api_settings)
    await seed(api_settings, seed_of(notebooks))
    app = create_api(api_settings)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(app))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
        api = Api(app, client)
        headers = await api.login(ADMIN)
        for person in PEOPLE:
            answer = await client.post("/api/v1/accounts", json=person, headers=headers)
            assert answer.status_code == 201, answer.text
        yield api, url


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

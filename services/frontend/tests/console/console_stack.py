"""What stands behind the console, for its tests and its pictures: the real api-db on a PostgreSQL of its own."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
from api_support import ADMIN, Api, seed_of, settings_for, write_workshop
from services.frontend.tests.conftest import serve
from services.frontend.tests.console.console_kit import PEOPLE

from wod_api_db.app import create_app
from wod_api_db.migrating import migrate
from wod_api_db.seeding import seed
from wod_api_db.settings import Settings
from wod_common.tokens import generate_private_pem
from wod_demo.ports import free_port
from wod_demo.postgres import Postgres


@contextmanager
def database() -> Iterator[Settings]:
    """Empty, with the settings of an api-db that lives on it."""
    with tempfile.TemporaryDirectory(prefix="wod-console-") as folder:
        base = Path(folder)
        base.chmod(0o755)  # PostgreSQL runs under another uid when root runs the tests
        key = base / "command.pem"
        key.write_text(generate_private_pem())
        server = Postgres(base / "data", free_port(), "test-password", durable=False)
        server.start()
        yield settings_for(server.url, key, content=str(base / "notebooks"), wrong_passwords_per_minute=5)
        server.stop()


@asynccontextmanager
async def api_db(settings: Settings) -> AsyncIterator[tuple[Api, str]]:
    """Its rows, with one workshop and the people of the console, and where it answers."""
    notebooks = Path(settings.content)
    write_workshop(notebooks, capacity=30, first=1, last=30)
    await migrate(settings)
    await seed(settings, seed_of(notebooks))
    app = create_app(settings)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(app))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
        api = Api(app, client)
        headers = await api.login(ADMIN)
        for person in PEOPLE:
            answer = await client.post("/api/v1/accounts", json=person, headers=headers)
            assert answer.status_code == 201, answer.text
        yield api, url

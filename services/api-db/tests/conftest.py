"""A real PostgreSQL for the whole run, a fresh database for each test."""

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path
from uuid import uuid4
from zipfile import ZipFile

import asyncpg
import httpx
import pytest
from api_support import AGENT, AgentDouble, Api, seed_of, settings_for, write_workshop

from wod_api_db.app import create_app
from wod_api_db.migrating import migrate
from wod_api_db.seeding import seed
from wod_api_db.settings import Settings
from wod_common.tokens import generate_private_pem
from wod_demo.ports import free_port
from wod_demo.postgres import Postgres

ROOT = Path(__file__).parents[3]
#: 0.1.0 of CHANGELOG.md
FIRST_RELEASE = "0f98cdcbc0457a0ab6f8e58d4ba509c7ca5b4ade"
SERVICES = ("services/api-db/src", "services/common/src")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="wod-pg-") as folder:
        base = Path(folder)
        base.chmod(0o755)  # PostgreSQL runs under another uid when root runs the tests
        server = Postgres(base / "data", free_port(), "test-password", durable=False)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def command_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "command.pem"
    path.write_text(generate_private_pem())
    return path


@pytest.fixture(scope="session")
async def template(postgres: Postgres, command_key: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database to copy: migrated, with one workshop of three seats."""
    connection = await asyncpg.connect(postgres.url)
    await connection.execute("CREATE DATABASE template_wod")
    await connection.close()
    settings = settings_for(postgres.url.replace("/postgres", "/template_wod"), command_key)
    await migrate(settings)
    folder = tmp_path_factory.mktemp("notebooks")
    write_workshop(folder)
    await seed(settings, seed_of(folder))
    return "template_wod"


@pytest.fixture
async def settings(postgres: Postgres, template: str, command_key: Path) -> AsyncIterator[Settings]:
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield settings_for(postgres.url.replace("/postgres", f"/{name}"), command_key)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    app = create_app(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://api.test"))
        yield Api(app, client)


@pytest.fixture
async def agent(api: Api) -> AgentDouble:
    return AgentDouble(api, await api.login(AGENT))


@pytest.fixture
async def empty(postgres: Postgres, command_key: Path) -> AsyncIterator[Settings]:
    """Of a database without anything in it."""
    name = f"empty_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f"CREATE DATABASE {name}")
    yield settings_for(postgres.url.replace("/postgres", f"/{name}"), command_key)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="session")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its code, as a ``PYTHONPATH``."""
    words = ["git", "-C", str(ROOT), "archive", "--format=zip", FIRST_RELEASE, *SERVICES]
    packed = subprocess.run(words, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"this clone has no release 0.1.0 ({FIRST_RELEASE[:8]}): git fetch --unshallow")
    folder = tmp_path_factory.mktemp("release")
    with ZipFile(BytesIO(packed.stdout)) as archive:
        archive.extractall(folder)
    return os.pathsep.join(str(folder / service) for service in SERVICES)

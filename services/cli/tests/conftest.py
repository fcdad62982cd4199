"""A real PostgreSQL for the run, and a fresh platform for each test."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from api_support import seed_of, settings_for, write_workshop
from cli_platform import Platform, Terminal, platform_of

from wod_api_db.app import create_app
from wod_api_db.migrating import migrate
from wod_api_db.seeding import seed
from wod_api_db.settings import Settings
from wod_common.tokens import generate_private_pem
from wod_demo.ports import free_port
from wod_demo.postgres import Postgres


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
async def template(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A database to copy: migrated, with one workshop of three seats."""
    await _execute(postgres, "CREATE DATABASE cli_template")
    key = tmp_path_factory.mktemp("keys") / "command.pem"
    key.write_text(generate_private_pem())
    settings = settings_for(postgres.url.replace("/postgres", "/cli_template"), key)
    await migrate(settings)
    folder = tmp_path_factory.mktemp("notebooks")
    write_workshop(folder)
    await seed(settings, seed_of(folder))
    return settings


@pytest.fixture
async def platform(postgres: Postgres, template: Settings, tmp_path: Path) -> AsyncIterator[Platform]:
    name = f"cli_{uuid4().hex}"
    await _execute(postgres, f"CREATE DATABASE {name} TEMPLATE cli_template")
    content = tmp_path / "notebooks"
    write_workshop(content)
    url = postgres.url.replace("/postgres", f"/{name}")
    settings = settings_for(url, template.command_key, content=str(content))
    async with platform_of(create_app(settings), tmp_path) as running:
        yield running
    await _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def operator(platform: Platform) -> Terminal:
    """A terminal where the operator is logged in."""
    ran = await platform.log_in()
    assert ran.status == 0, ran.err
    return platform.terminal


async def _execute(postgres: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(statement)
    await connection.close()

"""A real PostgreSQL for the run, and a fresh installation for each test."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiosmtpd.controller import Controller
from api_support import seed_of, settings_for, write_workshop
from contract_installation import Installation, Mailbox, served

from wod_api_db.migrating import migrate
from wod_api_db.seeding import seed
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


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    kept = Mailbox()
    controller = Controller(kept, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield kept, controller.port
    controller.stop()


@pytest.fixture
async def installation(postgres: Postgres, mailbox: tuple[Mailbox, int], tmp_path: Path) -> AsyncIterator[Installation]:
    name = f"contract_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    key = tmp_path / "command.pem"
    key.write_text(generate_private_pem())
    kept, port = mailbox
    url = postgres.url.replace("/postgres", f"/{name}")
    settings = settings_for(url, key, legacy=True, relay_port=port, port=free_port())
    await migrate(settings)
    write_workshop(tmp_path / "notebooks")
    await seed(settings, seed_of(tmp_path / "notebooks"))
    async with served(settings) as base:
        installed = Installation(settings, base, kept)
        await installed.execute(f"UPDATE locations SET gate_port = {port}")
        yield installed

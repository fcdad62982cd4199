"""A real PostgreSQL for the run, and a fresh installation for each test."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from contract_installation import Installation, Mailbox, installed
from contract_sides import OriginalSide, OurSide, Side
from original_api_db import OriginalApiDb, on_a_socket

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
    async with installed(postgres, mailbox, tmp_path) as installation:
        yield installation


@pytest.fixture(params=["native", "legacy-to-ours", "legacy-to-an-original"])
async def side(
    request: pytest.FixtureRequest, postgres: Postgres, mailbox: tuple[Mailbox, int], tmp_path: Path
) -> AsyncIterator[Side]:
    """An api-db, and how it wants to be reported to."""
    if request.param == "legacy-to-an-original":
        original = OriginalApiDb()
        original.add_workshop("WKSHP-API101", 1, 1)
        async with on_a_socket(original.app(), free_port()) as url:
            yield OriginalSide(original, url)
        return
    async with installed(postgres, mailbox, tmp_path, last=1) as installation:
        yield OurSide(installation, installation.url, legacy=request.param != "native")

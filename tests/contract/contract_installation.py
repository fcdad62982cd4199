"""An api-db as other installations meet it: a real socket, a real database, a worker, and mail that arrives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import uvicorn
from api_support import seed_of, settings_for, write_workshop
from pgqueuer.domain.types import QueueExecutionMode
from sqlalchemy import text

from wod_api_db.app import create_app
from wod_api_db.db import make_engine, make_sessions
from wod_api_db.migrating import migrate
from wod_api_db.seeding import seed
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep
from wod_api_db.worker import make_queue
from wod_common.tokens import generate_private_pem
from wod_demo.ports import free_port
from wod_demo.postgres import Postgres


class Mailbox:
    """The relay and the location's gate in one: it keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content))
        return "250 taken"

    def take(self, recipient: str) -> list[Message]:
        """What has come for one recipient, removed."""
        found = [mail for mail in self.mails if parseaddr(mail["To"])[1] == recipient]
        self.mails = [mail for mail in self.mails if mail not in found]
        return found


@dataclass
class Installation:
    """An api-db with one location, ``grenoble.test``, whose commands arrive in ``mailbox``."""

    settings: Settings
    url: str
    mailbox: Mailbox
    worker: str = field(default_factory=lambda: uuid4().hex)

    async def work(self) -> None:
        """One sweep, and every job that is there."""
        engine = make_engine(self.settings, pool_size=4)
        connection = await asyncpg.connect(self.settings.plain_database_url)
        await sweep(make_sessions(engine), self.worker)
        await make_queue(connection, make_sessions(engine), self.settings).run(mode=QueueExecutionMode.drain)
        await connection.close()
        await engine.dispose()

    async def execute(self, statement: str) -> list[Any]:
        engine = make_engine(self.settings, pool_size=1)
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            rows = list(result.all()) if result.returns_rows else []
        await engine.dispose()
        return rows


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """The api-db behind its port; its base URL."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=settings.port, log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)  # poll: uvicorn's flag
    yield f"http://127.0.0.1:{settings.port}"
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def installed(
    postgres: Postgres, mailbox: tuple[Mailbox, int], folder: Path, *, last: int = 3
) -> AsyncIterator[Installation]:
    """With ``WKSHP-API101`` on students 1 to ``last``."""
    name = f"contract_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    key = folder / "command.pem"
    key.write_text(generate_private_pem())
    kept, port = mailbox
    url = postgres.url.replace("/postgres", f"/{name}")
    settings = settings_for(url, key, legacy=True, relay_port=port, port=free_port(), logins_per_minute=10_000)
    await migrate(settings)
    write_workshop(folder / "notebooks", last=last)
    await seed(settings, seed_of(folder / "notebooks"))
    async with served(settings) as base:
        installation = Installation(settings, base, kept)
        await installation.execute(f"UPDATE locations SET gate_port = {port}")
        yield installation

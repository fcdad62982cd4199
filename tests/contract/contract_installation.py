"""An api-db as other installations meet it: a real socket, a real database, a worker, and mail that arrives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from typing import Any
from uuid import uuid4

import asyncpg
import uvicorn
from pgqueuer.domain.types import QueueExecutionMode
from sqlalchemy import text

from wod_api_db.app import create_app
from wod_api_db.db import make_engine, make_sessions
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep
from wod_api_db.worker import make_queue


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

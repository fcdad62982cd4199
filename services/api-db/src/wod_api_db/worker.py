"""``python -m wod_api_db.worker``: sends mails and commands, and sweeps the deadlines. Several may run."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from uuid import UUID, uuid4

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.models import Job
from prometheus_client import start_http_server
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.commands.issuing import SEND_COMMAND
from wod_api_db.commands.sending import CommandSender
from wod_api_db.db import make_engine, make_sessions
from wod_api_db.mail.delivering import MailSender
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.mail.sending import SmtpRelay
from wod_api_db.persons.retention import retire
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep
from wod_common.logs import configure_logging

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
#: what is old has time: an idle worker asks for it with every tenth sweep only
SWEEPS_TO_RETIRE = 10
#: a job whose worker died in hand comes back after this
HEARTBEAT_LIMIT = timedelta(seconds=10)
#: at once; each holds a connection to the relay or a gate, and for moments one to the database
CONCURRENCY = 16


def _entrypoint(act: Callable[[UUID], Awaitable[None]]) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        assert job.payload is not None
        await act(UUID(job.payload.decode()))

    return run


def make_queue(
    connection: "asyncpg.Connection[asyncpg.Record]", sessions: async_sessionmaker[AsyncSession], settings: Settings
) -> PgQueuer:
    relay = SmtpRelay(
        host=settings.relay_host,
        port=settings.relay_port,
        username=settings.relay_username,
        password=settings.relay_password,
        tls=settings.relay_tls,
    )
    queue = PgQueuer(AsyncpgDriver(connection))
    queue.entrypoint(SEND_MAIL)(_entrypoint(MailSender(sessions, settings, relay).send))
    queue.entrypoint(SEND_COMMAND)(_entrypoint(CommandSender(sessions, settings).send))
    return queue


async def _sweep_for_ever(sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
    identity = uuid4().hex
    for number in count():
        try:
            await sweep(sessions, identity)
            if number % SWEEPS_TO_RETIRE == 0:
                await retire(sessions, settings)
        except (DBAPIError, OSError) as error:
            log.warning("sweep failed, trying again", reason=str(error))
        await asyncio.sleep(SWEEP_SECONDS)


async def run(settings: Settings) -> bool:
    """Until told to stop (True), or until the database's connection is lost (False): start the process anew then.

    PgQueuer's own check of the listener fails at every start, for it asks before it listens; so it is not used.
    """
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port, settings.host)
    engine = make_engine(settings, pool_size=CONCURRENCY)
    sessions = make_sessions(engine)
    connection = await asyncpg.connect(settings.plain_database_url)
    queue = make_queue(connection, sessions, settings)
    connection.add_termination_listener(lambda _: queue.shutdown.set())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, queue.shutdown.set)
    sweeping = asyncio.create_task(_sweep_for_ever(sessions, settings))
    try:
        await queue.run(
            dequeue_timeout=timedelta(seconds=5),
            max_concurrent_tasks=CONCURRENCY * 2,
            heartbeat_timeout=HEARTBEAT_LIMIT,
        )
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await engine.dispose()
    lost = connection.is_closed()
    await connection.close()
    return not lost


if __name__ == "__main__":
    configure_logging("worker")
    if not asyncio.run(run(Settings())):
        log.error("the connection to the database is lost; the worker ends to be started anew")
        sys.exit(1)

"""Brings a database to this release's schema: our tables by Alembic, the job queue's by PgQueuer itself."""

import asyncio
from pathlib import Path

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from wod_api_db.db import make_engine
from wod_api_db.registrations import entering_sql
from wod_api_db.settings import Settings
from wod_api_db.waiting import taking_sql

MIGRATIONS = Path(__file__).parent / "migrations"
#: any constant of ours: two migrations at once wait for each other
_LOCK = 0x_50D_0001
#: PostgreSQL's code for a lock that was not to be had in time
_LOCK_NOT_AVAILABLE = "55P03"
#: for so long others wait behind us at most; a page of the portal is not given up in that time
LOCK_SECONDS = 3
#: between two tries everybody who waited gets through
SECONDS_BETWEEN = 2
#: ten minutes, longer than a backup takes
TRIES = 120

log = structlog.get_logger(__name__)


class CannotMigrate(Exception):
    """Says what was in the way. Nothing was changed."""


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


async def migrate(settings: Settings) -> None:
    """Repeatable; several processes may call it at once. Killed at whatever moment, it leaves the old schema or the new.

    Raises CannotMigrate.
    """
    guard = await asyncpg.connect(settings.plain_database_url)
    engine = make_engine(settings, pool_size=1)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _LOCK)
        # by itself, since PgQueuer's statements cannot share a transaction; each of them also fits what was before
        await _migrate_queue(guard)
        for _ in range(TRIES):
            if await _migrate_tables(engine):
                return
            await asyncio.sleep(SECONDS_BETWEEN)
    finally:
        await engine.dispose()
        await guard.close()
    raise CannotMigrate(
        "a long transaction kept its hands on our tables all the time: is a backup running? see pg_stat_activity"
    )


async def _migrate_tables(engine: AsyncEngine) -> bool:
    """All in one transaction. False where somebody else's was in the way for too long: nothing was changed.

    Whoever comes later waits behind us, the registrations of this minute too: so we step back, and try again.
    """
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "head"))
            await _make_functions(connection)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        log.warning("somebody is in the way of the migration, trying again", reason=str(error.orig))
        return False
    return True


async def _migrate_queue(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    queries = Queries(AsyncpgDriver(connection))
    if await queries.schema_is_installed():
        await queries.upgrade()
    else:
        await queries.install()


async def _make_functions(connection: AsyncConnection) -> None:
    """After tables and queue, whose columns they name. Another release's with other parameters stays beside them."""
    for function in (entering_sql.function(), taking_sql.function()):
        await connection.exec_driver_sql(function)

"""Brings a database to this release's schema: our tables by Alembic, the job queue's by PgQueuer itself."""

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from sqlalchemy import Connection

from wod_api_db.db import make_engine
from wod_api_db.registrations import entering_sql
from wod_api_db.settings import Settings
from wod_api_db.waiting import taking_sql

MIGRATIONS = Path(__file__).parent / "migrations"
#: any constant of ours: two migrations at once wait for each other
_LOCK = 0x_50D_0001


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


async def migrate(settings: Settings) -> None:
    """Repeatable; several processes may call it at once."""
    guard = await asyncpg.connect(settings.plain_database_url)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _LOCK)
        engine = make_engine(settings, pool_size=1)
        async with engine.begin() as connection:
            await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "head"))
        await engine.dispose()
        await _migrate_queue(guard)
        await _make_functions(guard)
    finally:
        await guard.close()


async def _migrate_queue(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    queries = Queries(AsyncpgDriver(connection))
    if await queries.schema_is_installed():
        await queries.upgrade()
    else:
        await queries.install()


async def _make_functions(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """After tables and queue, whose columns they name. Another release's with other parameters stays beside them."""
    for text in (entering_sql.function(), taking_sql.function()):
        await connection.execute(text)

"""A backup of the database in one file, and the way back into a new one: PostgreSQL's COPY, and no program beside us.

The job queue is left out: whatever is due stands in the rows, and the sweep makes its jobs anew.
"""

import os
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import ZIP_DEFLATED, ZipFile

import asyncpg
from sqlalchemy import Table

from wod_api_db.migrating import migrate
from wod_api_db.models import Base
from wod_api_db.settings import Settings

_VERSION = "version"


class CannotRestore(Exception):
    """Says why, and what to do. Nothing was changed."""


def _tables() -> list[Table]:
    """What is referred to comes first. The workers' sightings are of this minute."""
    return [table for table in Base.metadata.sorted_tables if table.name != "workers"]


async def backup(settings: Settings, path: Path) -> None:
    """All rows as of one moment; others go on working. The file is new and the owner's alone. Raises FileExistsError."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    connection = await asyncpg.connect(settings.plain_database_url)
    try:
        with os.fdopen(descriptor, "wb") as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                archive.writestr(_VERSION, await connection.fetchval("SELECT version_num FROM alembic_version"))
                for table in _tables():
                    with archive.open(table.name, "w", force_zip64=True) as rows:
                        await connection.copy_from_table(
                            table.name, columns=_columns(table), output=cast(BinaryIO, rows), format="binary"
                        )
    finally:
        await connection.close()


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]


async def restore(settings: Settings, path: Path) -> None:
    """Into a database that is empty or fresh, which gets this release's schema. Raises CannotRestore."""
    await migrate(settings)
    connection = await asyncpg.connect(settings.plain_database_url)
    try:
        with ZipFile(path) as archive:
            async with connection.transaction():
                await _check(connection, archive)
                names = ", ".join(f'"{table.name}"' for table in _tables())
                await connection.execute(f"TRUNCATE {names}")
                for table in _tables():
                    with archive.open(table.name) as rows:
                        await connection.copy_to_table(
                            table.name, columns=_columns(table), source=cast(BinaryIO, rows), format="binary"
                        )
                    await _count_on(connection, table)
    finally:
        await connection.close()


async def _check(connection: "asyncpg.Connection[asyncpg.Record]", archive: ZipFile) -> None:
    found = archive.read(_VERSION).decode()
    ours = await connection.fetchval("SELECT version_num FROM alembic_version")
    if found != ours:
        raise CannotRestore(
            f"the backup is of schema {found}, this release has {ours}: restore it with the release that made it, "
            "then upgrade"
        )
    if await connection.fetchval("SELECT EXISTS (SELECT FROM locations) OR EXISTS (SELECT FROM registrations)"):
        raise CannotRestore("the database is in use already; name a new one in WOD_API_DATABASE_URL")


async def _count_on(connection: "asyncpg.Connection[asyncpg.Record]", table: Table) -> None:
    """What numbers its rows goes on behind the last one."""
    for column in table.primary_key.columns:
        sequence = await connection.fetchval("SELECT pg_get_serial_sequence($1, $2)", table.name, column.name)
        if sequence is not None:
            query = f'SELECT max("{column.name}") FROM "{table.name}"'  # noqa: S608 - names of our own tables
            last = await connection.fetchval(query)
            if last is not None:
                await connection.execute("SELECT setval($1::text::regclass, $2)", sequence, last)

"""Twins of the database's function that registers: one that halts somewhere, one without its lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from wod_api_db.settings import Settings

#: where a registration has looked whether its address is held
AFTER_THE_ADDRESS = "PERFORM FROM (SELECT placements.id"
#: where it has chosen a placement with room
AFTER_THE_ROOM = "SELECT students.id, students.number"
_LOCK = "ORDER BY placements.id FOR UPDATE"
_HALT = 4711


class Halt:
    """Registrations stop at one place until they are let go on."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def reached(self, by: int) -> None:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted"
        async with asyncio.timeout(60):
            while await self._connection.fetchval(query, _HALT) != by:  # noqa: ASYNC110 - the event is in the database
                await asyncio.sleep(0.02)  # poll: PostgreSQL tells nobody that somebody waits

    async def go_on(self) -> None:
        await self._connection.execute("SELECT pg_advisory_unlock($1)", _HALT)


async def change_function(connection: "asyncpg.Connection[asyncpg.Record]", old: str, new: str) -> None:
    text: str = await connection.fetchval("SELECT pg_get_functiondef('register_for_workshop'::regproc)")
    assert text.count(old) == 1
    await connection.execute(text.replace(old, new))


async def without_lock(settings: Settings) -> None:
    """From here on placements are not locked while the room is counted."""
    connection = await asyncpg.connect(settings.plain_database_url)
    await change_function(connection, _LOCK, _LOCK.removesuffix(" FOR UPDATE"))
    await connection.close()


@asynccontextmanager
async def halting(settings: Settings, place: str) -> AsyncIterator[Halt]:
    connection = await asyncpg.connect(settings.plain_database_url)
    try:
        await change_function(connection, place, f"PERFORM pg_advisory_xact_lock_shared({_HALT}); {place}")
        await connection.execute("SELECT pg_advisory_lock($1)", _HALT)
        yield Halt(connection)
    finally:
        await connection.close()

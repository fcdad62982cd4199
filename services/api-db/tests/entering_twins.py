"""Twins of the database's functions that register and take an offer: some that halt somewhere, some without a lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from wod_api_db.settings import Settings

#: where a registration has looked whether its address is held, and whoever takes an offer that he has one
AFTER_THE_ADDRESS = "PERFORM FROM (SELECT placements.id"
#: where it has chosen a placement with room
AFTER_THE_ROOM = "SELECT students.id, students.number"
_LOCK = "ORDER BY placements.id FOR UPDATE"
_ROW_LOCK = "registrations.id = given_registration FOR UPDATE"
_HALT = 4711
REGISTER, TAKE = "register_for_workshop", "take_offer"


class Halt:
    """Whoever calls the function stops at one place until he is let go on."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def reached(self, by: int) -> None:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted"
        async with asyncio.timeout(60):
            while await self._connection.fetchval(query, _HALT) != by:  # noqa: ASYNC110 - the event is in the database
                await asyncio.sleep(0.02)  # poll: PostgreSQL tells nobody that somebody waits

    async def go_on(self) -> None:
        await self._connection.execute("SELECT pg_advisory_unlock($1)", _HALT)


async def change_function(connection: "asyncpg.Connection[asyncpg.Record]", name: str, old: str, new: str) -> None:
    text: str = await connection.fetchval("SELECT pg_get_functiondef($1::text::regproc)", name)
    assert text.count(old) == 1
    await connection.execute(text.replace(old, new))


async def without_lock(settings: Settings) -> None:
    """From here on placements are not locked while the room is counted."""
    connection = await asyncpg.connect(settings.plain_database_url)
    await change_function(connection, REGISTER, _LOCK, _LOCK.removesuffix(" FOR UPDATE"))
    await connection.close()


async def without_row_lock(settings: Settings) -> None:
    """From here on the second of two clicks on an offer does not wait for the first."""
    connection = await asyncpg.connect(settings.plain_database_url)
    await change_function(connection, TAKE, _ROW_LOCK, _ROW_LOCK.removesuffix(" FOR UPDATE"))
    await connection.close()


@asynccontextmanager
async def halting(settings: Settings, place: str, name: str = REGISTER) -> AsyncIterator[Halt]:
    connection = await asyncpg.connect(settings.plain_database_url)
    try:
        await change_function(connection, name, place, f"PERFORM pg_advisory_xact_lock_shared({_HALT}); {place}")
        await connection.execute("SELECT pg_advisory_lock($1)", _HALT)
        yield Halt(connection)
    finally:
        await connection.close()

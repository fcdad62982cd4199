"""An operator narrows a range while somebody registers."""

import asyncio

import pytest
from api_support import ADMIN, Api
from entering_twins import AFTER_THE_ROOM, halting, without_lock

from wod_api_db.settings import Settings

WAITS_FOR_A_LOCK = """SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND wait_event <> 'advisory' AND datname = current_database()"""


async def somebody_waits(api: Api) -> None:
    async with asyncio.timeout(60):
        while not await api.value(WAITS_FOR_A_LOCK):  # noqa: ASYNC110 - the event is in the database
            await asyncio.sleep(0.02)  # poll: PostgreSQL tells nobody that somebody waits


@pytest.mark.parametrize("locked", [True, False])
async def test_nobody_gets_a_seat_outside_the_range_once_it_is_changed(
    api: Api, settings: Settings, locked: bool
) -> None:
    """With the lock the change waits for the registration that has seen the old range. Without it the registration
    takes a seat of the old range after the new one is in force."""
    admin = await api.login(ADMIN)
    await api.change("UPDATE students SET state = 'broken' WHERE number IN (1, 2)")
    if not locked:
        await without_lock(settings)
    async with halting(settings, AFTER_THE_ROOM) as halt:
        registering = asyncio.create_task(api.register())
        await halt.reached(by=1)
        path = "/api/v1/workshops/WKSHP-API101/placements/1"
        changing = asyncio.create_task(api.http.patch(path, json={"first": 1, "last": 2}, headers=admin))
        await (somebody_waits(api) if locked else changing)
        await halt.go_on()
        assert (await registering).status_code == 201
    assert (await changing).status_code == 200
    assert await api.value("SELECT number FROM students WHERE state = 'assigned'") == 3
    registered_first = """
        SELECT e.at < a.at FROM registration_events e, audit a
        WHERE e.type = 'registered' AND a.action = 'placement.change'"""
    assert await api.value(registered_first) is locked

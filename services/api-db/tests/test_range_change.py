"""An operator narrows a range while somebody registers."""

import asyncio

import pytest
from api_support import ADMIN, Api

from wod_api_db.registrations import repository

WAITS_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def somebody_waits(api: Api) -> None:
    async with asyncio.timeout(60):
        while not await api.value(WAITS_FOR_A_LOCK):  # noqa: ASYNC110 - the event is in the database
            await asyncio.sleep(0.02)  # poll: PostgreSQL tells nobody that somebody waits


@pytest.mark.parametrize("locked", [True, False])
async def test_nobody_gets_a_seat_outside_the_range_once_it_is_changed(
    api: Api, locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the lock the change waits for the registration that has seen the old range. Without it the registration
    takes a seat of the old range after the new one is in force."""
    admin = await api.login(ADMIN)
    await api.change("UPDATE students SET state = 'broken' WHERE number IN (1, 2)")
    has_seen_the_range, may_go_on = asyncio.Event(), asyncio.Event()
    find = repository.placement_with_room

    async def find_and_wait(session: object, placements: list[int]) -> object:
        placement = await find(session, placements)  # type: ignore[arg-type]
        has_seen_the_range.set()
        await may_go_on.wait()
        return placement

    async def unlocked(session: object, workshop_id: int) -> list[int]:
        return [1]

    monkeypatch.setattr(repository, "placement_with_room", find_and_wait)
    if not locked:
        monkeypatch.setattr(repository, "lock_placements", unlocked)
    registering = asyncio.create_task(api.register())
    await has_seen_the_range.wait()
    path = "/api/v1/workshops/WKSHP-API101/placements/1"
    changing = asyncio.create_task(api.http.patch(path, json={"first": 1, "last": 2}, headers=admin))
    await (somebody_waits(api) if locked else changing)
    may_go_on.set()
    assert (await registering).status_code == 201
    assert (await changing).status_code == 200
    assert await api.value("SELECT number FROM students WHERE state = 'assigned'") == 3
    registered_first = """
        SELECT e.at < a.at FROM registration_events e, audit a
        WHERE e.type = 'registered' AND a.action = 'placement.change'"""
    assert await api.value(registered_first) is locked

"""Ranges booked while somebody registers: his seat is his, and never another workshop's. Its twin shows why."""

import asyncio
from pathlib import Path

import pytest
from api_support import Api, seed_of, write_workshop
from entering_twins import AFTER_THE_ROOM, halting, without_lock
from wishes_support import Wisher, booked

from wod_api_db.seeding import seed
from wod_api_db.settings import Settings

#: the seats that API 101 has when the registration begins
TAKEN_AWAY = "Grenoble:\n  WKSHP-Other: {range: [1, 3]}\n  WKSHP-API101: {range: [7, 9]}\n"


@pytest.fixture(autouse=True)
async def neighbour(settings: Settings, tmp_path: Path) -> None:
    write_workshop(tmp_path)
    write_workshop(tmp_path, "WKSHP-Other", first=4, last=6)
    await seed(settings, seed_of(tmp_path))


async def promised_twice(api: Api) -> int:
    """Seats that somebody is in, inside the range of another workshop."""
    query = """SELECT count(*) FROM registrations r JOIN students s ON s.id = r.student_id
        JOIN placements p ON p.location_id = s.location_id AND p.workshop_id <> r.workshop_id
        AND s.number BETWEEN p.first_seat AND p.last_seat WHERE r.cleaned_at IS NULL"""
    return int(await api.value(query))


async def until_somebody_waits_for_a_row(api: Api, booking: "asyncio.Task[object]") -> None:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    async with asyncio.timeout(60):
        while not booking.done() and not await api.value(query):  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.02)  # poll: PostgreSQL tells nobody of a waiting lock


async def race(api: Api, settings: Settings) -> dict[tuple[str, str], tuple[int, int]]:
    """Somebody has chosen his range and not yet his seat; now the ranges are booked anew."""
    wisher = await Wisher.of(api)
    async with halting(settings, AFTER_THE_ROOM) as halt:
        registering = asyncio.create_task(api.register())
        await halt.reached(1)
        booking = asyncio.create_task(wisher.book(TAKEN_AWAY))
        await until_somebody_waits_for_a_row(api, booking)
        await halt.go_on()
        assert (await registering).status_code == 201
        return booked(await booking)


async def test_a_seat_that_is_just_being_taken_is_not_promised_to_another_workshop(
    api: Api, settings: Settings
) -> None:
    assert ("WKSHP-Other", "Grenoble") not in await race(api, settings)
    assert await promised_twice(api) == 0


async def test_without_the_lock_it_is(api: Api, settings: Settings) -> None:
    await without_lock(settings)
    assert ("WKSHP-Other", "Grenoble") in await race(api, settings)
    assert await promised_twice(api) == 1

"""A class that is booked while somebody registers: one of them finds the room taken. The twin shows what the lock is for."""

import asyncio
from datetime import timedelta

from api_support import Api
from classes_support import Teacher, room
from entering_twins import AFTER_THE_ROOM, halting, without_lock
from test_placements_races import someone_waits

from wod_api_db.settings import Settings

SOON = timedelta(minutes=5)
OVERSOLD = """
    SELECT (SELECT count(*) FROM registrations WHERE class_id IS NULL) + (SELECT coalesce(sum(seats), 0) FROM classes)
        - capacity FROM placements"""


async def test_a_class_waits_for_who_is_just_registering_and_counts_him(api: Api, settings: Settings) -> None:
    grace = await Teacher.of(api)
    async with halting(settings, AFTER_THE_ROOM) as halt:
        registering = asyncio.create_task(api.register())
        await halt.reached(by=1)
        booking = asyncio.create_task(grace.try_to_book(3, SOON))
        await someone_waits(api)
        await halt.go_on()
        assert (await registering).status_code == 201
        assert (await booking).status_code == 409
    assert await api.value(OVERSOLD) <= 0


async def test_without_the_lock_the_same_seats_are_booked_and_taken(api: Api, settings: Settings) -> None:
    """The proof that the test above can fail: who registers does not lock, so the class does not wait for him."""
    grace = await Teacher.of(api)
    await without_lock(settings)
    async with halting(settings, AFTER_THE_ROOM) as halt:
        registering = asyncio.create_task(api.register())
        await halt.reached(by=1)
        assert (await grace.try_to_book(3, SOON)).status_code == 201
        await halt.go_on()
        assert (await registering).status_code == 201
    assert await api.value(OVERSOLD) == 1


async def test_classes_and_registrations_in_a_rush_never_have_more_than_there_is(api: Api) -> None:
    grace = await Teacher.of(api)
    rush = [api.register(f"p{number}@example.org") for number in range(6)]
    answers = await asyncio.gather(*rush, *(grace.try_to_book(1, SOON) for _ in range(6)))
    assert [answer.status_code for answer in answers].count(201) == 3
    assert await api.value(OVERSOLD) == 0
    assert await room(api) == 0


async def test_of_two_for_the_last_seat_of_a_class_one_gets_it_and_the_public_none(api: Api) -> None:
    grace = await Teacher.of(api)
    code = (await grace.book(1, SOON))["code"]
    joining = [api.register(f"p{number}@example.org", join_code=code) for number in range(8)]
    public = [api.register(f"q{number}@example.org") for number in range(8)]
    answers = await asyncio.gather(*joining, *public)
    assert [answer.status_code for answer in answers[:8]].count(201) == 1
    assert [answer.status_code for answer in answers[8:]].count(201) == 2
    assert {answer.json()["type"] for answer in answers[:8] if answer.is_error} == {"class-full"}


async def test_a_class_that_ends_takes_those_with_it_who_are_just_coming(api: Api, settings: Settings) -> None:
    grace = await Teacher.of(api)
    taught = await grace.book(2, SOON)
    async with halting(settings, AFTER_THE_ROOM) as halt:
        joining = asyncio.create_task(api.register(join_code=taught["code"]))
        await halt.reached(by=1)
        ending = asyncio.create_task(grace.call("POST", f"/{taught['id']}/end"))
        await someone_waits(api)
        await halt.go_on()
        assert (await joining).status_code == 201
        assert (await ending).status_code == 200
    assert await api.rows("SELECT state FROM registrations") == [("cancelled",)]

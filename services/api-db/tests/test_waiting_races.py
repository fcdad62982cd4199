"""Offers, clicks and registrations at the same moment: no room is given twice."""

import asyncio

import pytest
from api_support import Api
from entering_twins import AFTER_THE_ADDRESS, AFTER_THE_ROOM, TAKE, halting, without_lock, without_row_lock
from sqlalchemy import text
from waiting_support import join, post, room_for, states, take_every_seat

from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep

ADA, BEA = "ada@example.org", "bea@example.org"
#: somebody who has joined while another registration was under way
_JOINED = """
INSERT INTO registrations (state, workshop_id, name, email, email_key, company, terms_version, link_nonce, duration,
    content_version, waiting_since, wait_ends_at, offer_limit)
SELECT 'waiting', id, 'Ada', :email, :email, '', '1', 'nonce', duration, content_version, now(), now() + interval '1 day',
    interval '15 minutes' FROM workshops
"""


async def _a_lock_is_waited_for(api: Api) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype <> 'advisory'"
    async with asyncio.timeout(60):
        while not await api.value(waiting):  # noqa: ASYNC110 - the event is in the database
            await asyncio.sleep(0.02)  # poll: PostgreSQL tells nobody of a waiting lock


async def _one_seat(api: Api) -> None:
    await api.change("UPDATE placements SET capacity = 1")


async def test_room_that_a_registration_is_taking_is_not_offered(api: Api, settings: Settings) -> None:
    await _one_seat(api)
    async with halting(settings, AFTER_THE_ROOM) as halt:
        registering = asyncio.create_task(api.register(BEA))
        await halt.reached(by=1)
        await api.change(_JOINED, email=ADA)
        sweeping = asyncio.create_task(sweep(api.sessions, "worker"))
        await _a_lock_is_waited_for(api)
        await halt.go_on()
        assert (await registering).status_code == 201
        await sweeping
    assert await states(api) == {"bea": "registered", "ada": "waiting"}


async def test_without_the_lock_an_offer_is_taken_and_the_same_seat_registered(api: Api, settings: Settings) -> None:
    """The proof that the test above can fail."""
    await _one_seat(api)
    await without_lock(settings)
    async with halting(settings, AFTER_THE_ROOM) as halt:
        registering = asyncio.create_task(api.register(BEA))
        await halt.reached(by=1)
        await api.change(_JOINED, email=ADA)
        await sweep(api.sessions, "worker")
        identity = await api.value("SELECT id FROM registrations")
        async with api.sessions() as session:
            taken = "SELECT take_offer(:id, interval '1 h', gen_random_uuid(), 'm', gen_random_uuid())"
            await session.execute(text(taken), {"id": identity})
            await session.commit()
        await halt.go_on()
        assert (await registering).status_code == 201
    assert await states(api) == {"bea": "registered", "ada": "registered"}


async def test_an_offer_is_taken_while_a_crowd_registers(api: Api) -> None:
    await take_every_seat(api)
    token = (await join(api, ADA))["token"]
    await room_for(api, 1)
    crowd = [api.register(f"p{number}@example.org") for number in range(20)]
    taken, *refused = await asyncio.gather(post(api, token, "take"), *crowd)
    assert taken.status_code == 200
    assert {answer.status_code for answer in refused} == {409}
    assert await api.value("SELECT count(*) FROM students WHERE state = 'assigned'") == 2


@pytest.fixture
async def offered(api: Api) -> str:
    """The token of somebody who is offered the one seat that is free."""
    await take_every_seat(api)
    token: str = (await join(api, ADA))["token"]
    await room_for(api, 1)
    return token


async def test_ten_clicks_on_one_offer_are_one_registration(api: Api, settings: Settings, offered: str) -> None:
    async with halting(settings, AFTER_THE_ADDRESS, TAKE) as halt:
        clicks = [asyncio.create_task(post(api, offered, "take")) for _ in range(10)]
        await halt.reached(by=1)
        await _a_lock_is_waited_for(api)
        await halt.go_on()
        answers = [await click for click in clicks]
    assert {(answer.status_code, answer.json()["username"]) for answer in answers} == {(200, "student2")}
    assert await api.value("SELECT count(*) FROM students WHERE state = 'assigned'") == 2


async def test_without_the_rows_lock_the_second_click_is_refused(api: Api, settings: Settings, offered: str) -> None:
    """The proof that the test above can fail: the mail that is already there is what stops it from taking another seat."""
    await without_row_lock(settings)
    async with halting(settings, AFTER_THE_ADDRESS, TAKE) as halt:
        clicks = [asyncio.create_task(post(api, offered, "take")) for _ in range(2)]
        await halt.reached(by=2)
        await halt.go_on()
        assert sorted([(await click).status_code for click in clicks]) == [200, 409]


async def test_two_workers_offer_one_seat_to_one_person(api: Api) -> None:
    await take_every_seat(api)
    for number in range(4):
        await join(api, f"p{number}@example.org")
    await api.change("UPDATE placements SET capacity = 3")
    await asyncio.gather(*(sweep(api.sessions, f"worker {number}") for number in range(3)))
    assert list((await states(api)).values()).count("offered") == 2


async def test_an_offer_that_lapses_while_it_is_taken_is_one_or_the_other(api: Api, offered: str) -> None:
    await api.change("UPDATE mails SET state = 'sent', sent_at = now()")
    await api.change(
        "UPDATE registrations SET offer_ends_at = now() + interval '20 milliseconds' WHERE state = 'offered'"
    )
    taking = asyncio.create_task(post(api, offered, "take"))
    await asyncio.gather(*(sweep(api.sessions, str(number)) for number in range(3)))
    answer = await taking
    assert (await states(api))["ada"] in ({"registered"} if answer.status_code == 200 else {"offered", "cancelled"})

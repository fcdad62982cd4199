"""Operators who act at the same moment, or while somebody registers: one of them is refused, nobody gets a 500."""

import asyncio
from pathlib import Path

import pytest
from api_support import AgentDouble, Api, seed_of, write_workshop
from locations_support import HOUSTON, PLACEMENTS, Operator, running
from sqlalchemy import text

from wod_api_db.seeding import seed
from wod_api_db.settings import Settings


@pytest.fixture
async def operator(api: Api) -> Operator:
    return await Operator.of(api)


async def someone_waits(api: Api) -> None:
    """Returns once a statement waits for a lock that another transaction holds."""
    async with asyncio.timeout(20):
        while not await api.value("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.02)  # poll: PostgreSQL tells nobody of a waiting lock


async def test_of_two_locations_with_the_same_seats_one_is_made(operator: Operator) -> None:
    bodies = [HOUSTON | {"id": number, "name": f"Twin {number}"} for number in range(2, 8)]
    answers = await asyncio.gather(*(operator.call("POST", "/locations", body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


async def test_of_two_workshops_that_want_the_same_seats_one_gets_them(
    api: Api, operator: Operator, settings: Settings, tmp_path: Path
) -> None:
    write_workshop(tmp_path)
    write_workshop(tmp_path, "WKSHP-Other", first=4, last=6)
    await seed(settings, seed_of(tmp_path))
    wanted = {"first": 11, "last": 13}
    paths = [PLACEMENTS, PLACEMENTS.replace("API101", "Other")]
    async with api.sessions.begin() as session:
        await session.execute(text("SELECT 1 FROM placements FOR UPDATE"))
        changing = [asyncio.create_task(operator.call("PATCH", f"{path}/1", wanted)) for path in paths]
        await someone_waits(api)
    assert sorted([(await task).status_code for task in changing]) == [200, 409]
    assert await api.value("SELECT count(*) FROM placements WHERE first_seat = 11") == 1


async def test_a_range_is_not_reset_under_somebody_who_is_just_coming(api: Api, operator: Operator) -> None:
    async with api.sessions.begin() as session:
        await session.execute(text("SELECT 1 FROM placements FOR UPDATE"))
        registering = asyncio.create_task(api.register())
        await someone_waits(api)
        resetting = asyncio.create_task(operator.call("POST", f"{PLACEMENTS}/1/reset"))
    answers = await asyncio.gather(registering, resetting)
    assert sorted(answer.status_code for answer in answers) in ([201, 409], [200, 409])


async def test_a_session_that_ends_meanwhile_is_not_told(api: Api, agent: AgentDouble, operator: Operator) -> None:
    await running(api, agent, "ada@example.org")
    await running(api, agent, "grace@example.org")
    async with api.sessions.begin() as session:
        await session.execute(text("SELECT 1 FROM registrations WHERE email = 'ada@example.org' FOR UPDATE"))
        await session.execute(text("UPDATE registrations SET state = 'ended' WHERE email = 'ada@example.org'"))
        announcing = asyncio.create_task(operator.done("POST", "/announcements", {"text": "Hello."}))
        await someone_waits(api)
    assert (await announcing)["sessions"] == 1

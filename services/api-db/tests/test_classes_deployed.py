"""A class of sixty at a location that makes thirty labs a minute: all of them are there when the doors open."""

from datetime import timedelta
from typing import Any

import pytest
from api_support import AgentDouble, Api
from classes_support import Teacher, pass_time, room, swept, widen
from ready_support import VERSION, speak, states

from wod_api_db.ready import sweeping

SEATS = 60
#: what the location needs for one, one after another: thirty a minute
PACE = timedelta(seconds=2)
OUTSTANDING = "SELECT id FROM commands WHERE verb = 'PREPARE' AND state IN ('queued', 'sent') ORDER BY created_at"


async def make_larger(api: Api, seats: int) -> None:
    await api.change("UPDATE locations SET seats = :seats", seats=seats)
    await api.change(
        "INSERT INTO students (id, location_id, number) SELECT 1000 + n, 1, n FROM generate_series(41, :seats) n",
        seats=seats,
    )
    await widen(api, seats)
    await speak(api)


async def remember_labs(api: Api, labs: int, each: timedelta) -> None:
    """The location has made so many labs ahead, each in that time, two at a time."""
    await api.change(
        """INSERT INTO commands (id, student_id, location_id, verb, workshop, generation, sequence, state, created_at,
            accepted_at, finished_at)
        SELECT gen_random_uuid(), 1000 + n, 1, 'PREPARE', 'WKSHP-API101', 1, 1, 'done', now() - interval '1 day',
            now() - interval '1 day', now() - interval '1 day' + CAST(:time AS interval) FROM generate_series(1, :labs) n""",
        labs=labs,
        time=each,
    )
    await api.change("UPDATE students SET generation = 1, sequence = 1 WHERE number <= :labs", labs=labs)


class Location:
    """Works for as long as it takes for one lab, time and time again."""

    def __init__(self, api: Api, agent: AgentDouble) -> None:
        self._api = api
        self._agent = agent

    async def make_one(self) -> None:
        await sweeping.sweep(self._api.sessions)
        waiting = await self._api.rows(OUTSTANDING)
        assert 1 <= len(waiting) <= sweeping.IN_FLIGHT, "not more at a time than the location bears"
        await pass_time(self._api, PACE)
        older = "UPDATE commands SET created_at = created_at - CAST(:by AS interval) WHERE state = 'queued'"
        await self._api.change(older, by=PACE)
        await self._agent.report(waiting[0][0], "accepted")
        await self._agent.report(waiting[0][0], "done", content_version=VERSION)


async def ready(api: Api) -> int:
    return int(await api.value("SELECT count(*) FROM students WHERE state = 'ready'"))


async def to_the_doors(api: Api) -> timedelta:
    left: timedelta = await api.value("SELECT opens_at - now() FROM classes")
    return left


@pytest.mark.timeout(300)  # sixty labs and as many people, on a busy machine
async def test_all_labs_are_ready_before_the_hour(api: Api, agent: AgentDouble) -> None:
    await make_larger(api, 64)
    await remember_labs(api, 20, 2 * PACE)
    grace = await Teacher.of(api)
    taught = await grace.book(SEATS, timedelta(hours=2), speaker_seat=True)
    lead = await api.value("SELECT opens_at - deploy_from FROM classes")
    assert timedelta(minutes=2) < lead < timedelta(minutes=8), "about two minutes of work, with caution"
    await swept(api)
    assert await api.rows(OUTSTANDING) == [], "nothing is made before its time"
    await pass_time(api, await api.value("SELECT deploy_from - now() FROM classes"))
    location = Location(api, agent)
    for _ in range(SEATS + 1):
        await location.make_one()
    assert await ready(api) == SEATS + 1
    doors = await to_the_doors(api)
    assert doors > timedelta()
    assert (await grace.shown(taught["id"]))["labs_ready"] == SEATS + 1
    await _everybody_gets_one(api, grace, taught)


async def _everybody_gets_one(api: Api, grace: Teacher, taught: dict[str, Any]) -> None:
    """The public gets the other three seats, and the class all of its labs."""
    assert await room(api) == 3
    early = await api.register("early@example.org", join_code=taught["code"])
    assert (early.status_code, early.json()["type"]) == (409, "class-not-open")
    await pass_time(api, await to_the_doors(api))
    for number in range(3):
        assert (await api.register(f"q{number}@example.org")).status_code == 201
    assert await ready(api) == SEATS + 1, "the public has got free seats, none of those that were made for the class"
    speaker = await grace.done("POST", f"/{taught['id']}/speaker", json={"terms_version": "1"})
    assert speaker["username"] == "student64"
    for number in range(SEATS):
        assert (await api.register(f"p{number}@example.org", join_code=taught["code"])).status_code == 201
    assert (await api.register("late@example.org", join_code=taught["code"])).json()["type"] == "class-full"
    assert await ready(api) == 0
    assert (await grace.shown(taught["id"]))["joined"] == SEATS


async def test_a_location_that_has_never_made_one_begins_much_earlier(api: Api) -> None:
    await make_larger(api, 64)
    await (await Teacher.of(api)).book(SEATS, timedelta(hours=2))
    assert await api.value("SELECT opens_at - deploy_from FROM classes") > timedelta(minutes=20)


async def test_a_location_that_has_become_slower_begins_earlier(api: Api) -> None:
    await make_larger(api, 64)
    await remember_labs(api, 20, PACE)
    await (await Teacher.of(api)).book(SEATS, timedelta(hours=2))
    quick = await api.value("SELECT opens_at - deploy_from FROM classes")
    await api.change("UPDATE commands SET finished_at = created_at + interval '20 s'")
    await pass_time(api, timedelta(minutes=11))
    await swept(api)
    slow = await api.value("SELECT opens_at - deploy_from FROM classes")
    assert slow > 3 * quick
    assert await api.value("SELECT measured_at > now() - interval '1 min' FROM classes")


async def test_the_last_free_seat_is_made_ahead_for_a_class_and_taken_back_after_it(
    api: Api, agent: AgentDouble
) -> None:
    await speak(api)
    taught = await (grace := await Teacher.of(api)).book(3, timedelta(minutes=20))
    await pass_time(api, timedelta(minutes=10))
    for _ in range(3):
        await swept(api)
        await agent.finish("PREPARE", content_version=VERSION)
    assert await states(api) == ["ready", "ready", "ready"]
    assert (await api.register()).json()["type"] == "workshop-full"
    await grace.done("POST", f"/{taught['id']}/end")
    assert await room(api) == 3
    await swept(api)
    assert await states(api) == ["cleaning", "cleaning", "cleaning"]

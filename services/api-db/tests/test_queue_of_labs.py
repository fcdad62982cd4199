"""Who is one of many sees his place in the location's queue, an estimate, and no failure for having come late."""

from datetime import timedelta
from typing import Any

import pytest
from api_support import Api

from wod_api_db.sweep import sweep

PEOPLE = ("ada@example.org", "bea@example.org", "cy@example.org")


async def _shown(api: Api, token: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.http.get(f"/api/v1/registrations/{token}")).json()
    return answer


async def _crowd(api: Api) -> list[str]:
    return [(await api.register(email)).json()["token"] for email in PEOPLE]


async def _made_before(api: Api, gaps: list[float], ago: timedelta = timedelta()) -> None:
    """The location has made labs, asked for all at once, each done so many seconds after the one before."""
    end = sum(gaps)
    for gap in [0.0, *gaps]:
        end -= gap
        await api.change(
            """INSERT INTO commands (id, student_id, location_id, verb, workshop, generation, sequence, state,
                created_at, finished_at)
            SELECT gen_random_uuid(), 1040, 1, 'CREATE', 'WKSHP-API101', 1000 + count(commands.id), 1, 'done',
                moment - interval '1 hour', moment - :end * interval '1 s'
            FROM (SELECT now() - CAST(:ago AS interval) AS moment) AS t LEFT JOIN commands ON true GROUP BY moment""",
            ago=ago,
            end=end,
        )


async def test_each_sees_how_many_come_first_and_about_how_long_it_takes(api: Api) -> None:
    await _made_before(api, [10.0, 20.0, 30.0])
    places = [await _shown(api, token) for token in await _crowd(api)]
    assert [shown["waiting_before"] for shown in places] == [0, 1, 2]
    assert [shown["ready_in_seconds"] for shown in places] == [20, 40, 60]


async def test_labs_that_had_nobody_before_them_do_not_slow_the_estimate_of_a_crowd(api: Api) -> None:
    await _made_before(api, [100.0, 100.0, 100.0], ago=timedelta(minutes=10))
    await api.change("UPDATE commands SET created_at = finished_at - interval '90 seconds'")
    [first, *_] = await _crowd(api)
    assert (await _shown(api, first))["ready_in_seconds"] == 90
    await _made_before(api, [2.0, 4.0, 6.0])
    lately = "state = 'done' AND finished_at > now() - interval '5 minutes'"
    await api.change(f"UPDATE commands SET created_at = now() - interval '1 minute' WHERE {lately}")
    assert (await _shown(api, first))["ready_in_seconds"] == 4


@pytest.mark.parametrize(
    ("gaps", "seconds"),
    [
        ([9.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0], 2),  # the beginning of a crowd
        ([0.0, 0.0, 0.0, 16.0, 0.0, 0.0, 0.0, 16.0], 2),  # four side by side
    ],
)
async def test_a_few_long_gaps_do_not_tell_the_pace_and_are_not_forgotten(
    api: Api, gaps: list[float], seconds: int
) -> None:
    await _made_before(api, gaps)
    [first, *_] = await _crowd(api)
    assert (await _shown(api, first))["ready_in_seconds"] == seconds


async def test_a_pace_that_nobody_knows_is_not_made_up(api: Api) -> None:
    await _made_before(api, [10.0, 20.0, 30.0], ago=timedelta(days=2))
    await _made_before(api, [10.0, 20.0])
    [first, *_] = await _crowd(api)
    assert (await _shown(api, first))["ready_in_seconds"] is None


async def _all_are_late(api: Api) -> None:
    await api.change("UPDATE registrations SET stuck_at = now() WHERE state IN ('registered', 'deploying')")
    await sweep(api.sessions, "worker")


async def test_nobody_fails_for_having_others_before_him_while_the_location_goes_on(api: Api) -> None:
    await _made_before(api, [1.0])
    await _crowd(api)
    await _all_are_late(api)
    # the first has nobody before him: it is his lab that is stuck
    assert await api.rows("SELECT state, stuck_at > now() FROM registrations ORDER BY id") == [
        ("failed", False),
        ("registered", True),
        ("registered", True),
    ]
    await api.change("UPDATE commands SET state = 'running' WHERE verb = 'CREATE' AND state = 'queued'")
    await _all_are_late(api)
    assert await api.rows("SELECT DISTINCT state FROM registrations") == [("failed",)]


async def test_a_location_that_makes_nothing_any_more_fails_everyone(api: Api) -> None:
    await _made_before(api, [1.0], ago=timedelta(minutes=11))
    await _crowd(api)
    await _all_are_late(api)
    assert await api.rows("SELECT DISTINCT state FROM registrations") == [("failed",)]

"""How many seats are kept ready: by the demand, between two bounds, where there is memory and disk; and what it was worth."""

import pytest
from api_support import ADMIN, AgentDouble, Api
from locations_support import PLACEMENTS, Operator, beat
from ready_support import keep_ready, prepared, speak, states, swept, verbs

#: within the three hours that are looked at, and in the middle of a quarter of an hour
_EARLIER = "date_trunc('hour', now()) - interval '1 hour' + interval '5 minutes'"


@pytest.fixture
async def crowd(api: Api) -> None:
    """Four people came within a quarter of an hour, one in another; the placement has seats for twenty."""
    await api.change("UPDATE placements SET last_seat = 20, capacity = 20")
    for number in range(5):
        assert (await api.register(f"person{number}@example.org")).status_code == 201
    await api.change(f"UPDATE registrations SET created_at = {_EARLIER}")
    await api.change(
        f"UPDATE registrations SET created_at = {_EARLIER} - interval '30 minutes' WHERE email LIKE 'person4%'"
    )
    await api.change("UPDATE commands SET state = 'done'")
    await speak(api)


async def target(api: Api, **policy: int) -> int:
    operator = await Operator.of(api)
    return int((await operator.done("PATCH", f"{PLACEMENTS}/1", policy))["ready_target"])


@pytest.mark.usefixtures("crowd")
async def test_the_demand_counts_between_the_bounds(api: Api) -> None:
    assert await target(api, ready_maximum=0) == 0
    assert await target(api, ready_maximum=10) == 4
    assert await target(api, ready_maximum=3) == 3
    assert await target(api, ready_minimum=7) == 7
    assert await target(api, ready_minimum=1, ready_maximum=10) == 4
    await api.change("UPDATE registrations SET created_at = now() - interval '4 hours'")
    assert await target(api, ready_maximum=10) == 1


@pytest.mark.usefixtures("crowd")
async def test_what_the_demand_asks_for_is_made_and_let_go_when_it_is_over(api: Api, agent: AgentDouble) -> None:
    await target(api, ready_maximum=2)
    for _ in range(2):
        await prepared(api, agent)
    await swept(api)
    assert await verbs(api) == []
    operator = await Operator.of(api)
    assert (await operator.done("GET", f"{PLACEMENTS}/1"))["ready_seats"] == 2
    await api.change("UPDATE registrations SET created_at = now() - interval '4 hours'")
    await swept(api)
    assert await verbs(api) == ["PURGE", "PURGE"]


@pytest.mark.parametrize("short", [{"memory_available": 2**33 // 11}, {"disk_free": 0}])
async def test_where_memory_or_disk_is_short_nothing_is_made_ahead(api: Api, short: dict[str, int]) -> None:
    await keep_ready(api)
    await beat(api, **short)
    await swept(api)
    assert await states(api) == ["free", "free", "free"]
    await beat(api)
    await swept(api)
    assert await states(api) == ["free", "free", "preparing"]


async def test_it_is_counted_who_found_a_ready_seat_and_what_it_cost(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api, 2)
    for _ in range(2):
        await prepared(api, agent)
    await api.change("UPDATE commands SET finished_at = now() - interval '3 hours' WHERE verb = 'PREPARE'")
    await api.register()
    await agent.finish("CREATE", password="pass-word-1")
    await api.change("UPDATE registrations SET created_at = now() - interval '1 hour'")
    await api.change("UPDATE placements SET ready_minimum = 0")
    await swept(api)
    await agent.finish("PURGE")
    headers = await api.login(ADMIN)
    ready = (await api.http.get("/api/v1/statistics", headers=headers)).json()["ready"]
    assert ready | {"idle_seat_hours": round(ready["idle_seat_hours"], 1)} == {
        "prepared": 2,
        "failed": 0,
        "found_ready": 1,
        "thrown_away": 1,
        "idle_seat_hours": 5.0,
    }
    exposed = (await api.http.get("/metrics")).text
    assert "wod_ready_found_last_day 1.0" in exposed
    assert "wod_ready_thrown_away_last_day 1.0" in exposed
    elsewhere = await api.http.get("/api/v1/statistics?workshop=WKSHP-API101&location=1", headers=headers)
    assert elsewhere.json()["ready"]["prepared"] == 2

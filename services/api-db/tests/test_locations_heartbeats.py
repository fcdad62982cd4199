"""Agents' heartbeats: who is in, who has logged in, and what the operator is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api_support import AgentDouble, Api
from locations_support import Operator, beat, running
from sqlalchemy import text

from wod_api_db.locations.heartbeat_repository import seats_in_use_query
from wod_api_db.sweep import sweep


async def notices(api: Api) -> list[str]:
    await sweep(api.sessions, "test")
    return [row[0] for row in await api.rows("SELECT kind FROM notices ORDER BY id")]


async def age_heartbeats(api: Api, seconds: int) -> None:
    await api.change(
        "UPDATE locations SET last_heartbeat_at = last_heartbeat_at - make_interval(secs => :s),"
        " steady_since = steady_since - make_interval(secs => :s)",
        s=seconds,
    )


async def login(api: Api, generation: int, at: str, **more: Any) -> None:
    answer = await beat(api, logins=[{"student": 1, "generation": generation, "at": at} | more])
    assert answer.status_code == 200, answer.text


async def test_the_answer_lists_the_seats_in_use(api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "ada@example.org")
    await api.register("grace@example.org")
    seats = (await beat(api)).json()["seats"]
    assert [(seat["student"], seat["generation"]) for seat in seats] == [(1, 1), (2, 1)]
    assert 7000 < seats[0]["seconds_left"] <= 7800
    assert seats[1]["seconds_left"] is None


async def test_a_seat_that_is_being_cleaned_is_not_in_use(api: Api, agent: AgentDouble) -> None:
    token = await running(api, agent, "ada@example.org")
    await api.http.post(f"/api/v1/registrations/{token}/end")
    assert (await beat(api)).json() == {"seats": []}


async def test_another_locations_agent_is_refused(api: Api) -> None:
    operator = await Operator.of(api)
    await operator.add_houston()
    answer = await beat(api, location=2)
    assert answer.status_code == 403
    assert "location 1" in answer.json()["detail"]
    assert await api.value("SELECT last_heartbeat_at FROM locations WHERE id = 2") is None
    await operator.refused(403, "POST", "/locations/1/heartbeat", {})


async def test_the_figures_are_kept_and_shown(api: Api) -> None:
    assert (await beat(api, disk_free=5)).status_code == 200
    shown = await (await Operator.of(api)).done("GET", "/locations/1")
    assert shown["health"]["disk_free"] == 5
    assert "logins" not in shown["health"]
    assert shown["last_heartbeat_at"]


@pytest.mark.parametrize(
    "changes", [{"version": "a\x00"}, {"load": "NaN"}, {"disk_free": 2**60}, {"hub": None}, {"more": 1}]
)
async def test_a_heartbeat_that_makes_no_sense_is_refused(api: Api, changes: dict[str, Any]) -> None:
    assert (await beat(api, **changes)).status_code == 422


async def test_the_first_login_is_told_once_and_ends_the_no_show(api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "ada@example.org")
    await api.change("UPDATE registrations SET no_show_at = now() + interval '1 hour'")
    for _ in range(2):
        await login(api, 1, datetime.now(UTC).isoformat())
    assert await api.rows("SELECT first_login_at <= now(), no_show_at FROM registrations") == [(True, None)]
    assert await api.value("SELECT count(*) FROM registration_events WHERE type = 'first-login'") == 1


async def test_the_earliest_of_several_logins_counts(api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "ada@example.org")
    await api.change("UPDATE registrations SET created_at = created_at - interval '1 day'")
    early = datetime.now(UTC) - timedelta(hours=2)
    logins = [
        {"student": 1, "generation": 1, "at": at.isoformat()} for at in (early + timedelta(hours=1), early, early)
    ]
    await beat(api, logins=logins)
    assert await api.value("SELECT first_login_at FROM registrations") == early


async def test_a_login_of_an_earlier_holder_of_the_seat_counts_for_nobody(api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "ada@example.org")
    await login(api, 2, datetime.now(UTC).isoformat())
    assert await api.value("SELECT first_login_at FROM registrations") is None


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_an_agents_wild_clock_is_bounded(api: Api, agent: AgentDouble, at: str) -> None:
    await running(api, agent, "ada@example.org")
    await login(api, 1, at)
    assert await api.value("SELECT first_login_at BETWEEN created_at AND now() FROM registrations") is True


async def test_a_registration_somebody_works_on_waits_for_the_next_heartbeat(api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "ada@example.org")
    async with api.sessions.begin() as session:
        await session.execute(text("SELECT 1 FROM registrations FOR UPDATE"))
        await login(api, 1, datetime.now(UTC).isoformat())
    assert await api.value("SELECT first_login_at FROM registrations") is None
    await login(api, 1, datetime.now(UTC).isoformat())
    assert await api.value("SELECT first_login_at FROM registrations") is not None


async def test_a_silent_location_is_told_of_once_and_again_when_it_is_back(api: Api) -> None:
    await beat(api)
    assert await notices(api) == []
    await age_heartbeats(api, 61)
    assert await notices(api) == ["location-silent"]
    assert await notices(api) == ["location-silent"]
    shown = await (await Operator.of(api)).done("GET", "/locations/1")
    assert shown["healthy"] is False
    assert "silent" in shown["unhealthy_reason"]
    await beat(api)
    assert await notices(api) == ["location-silent"]
    await api.change("UPDATE locations SET steady_since = now() - interval '61 seconds'")
    await beat(api)
    assert await notices(api) == ["location-silent", "location-back"]


async def test_a_hub_that_comes_and_goes_is_told_of_once(api: Api) -> None:
    for hub in (True, False, True, False, True):
        await beat(api, hub=hub)
        await age_heartbeats(api, 10)
        told = await notices(api)
    assert told == ["location-silent"]
    assert "hub does not answer" in await api.value("SELECT text FROM notices")
    for _ in range(7):
        await beat(api)
        await age_heartbeats(api, 10)
    assert await notices(api) == ["location-silent", "location-back"]


async def test_a_location_that_has_never_reported_is_left_in_peace(api: Api) -> None:
    assert await notices(api) == []


async def test_a_heartbeat_looks_at_no_ended_registration(api: Api) -> None:
    await api.register()
    await api.change(
        "INSERT INTO registrations (state, workshop_id, placement_id, location_id, student_id, generation, name, email,"
        " email_key, company, terms_version, link_nonce, duration, range_first, content_version, cleaned_at)"
        " SELECT 'ended', workshop_id, placement_id, location_id, student_id, 1, '', '', '', '', '1', '', duration, 1,"
        " '', now() FROM registrations, generate_series(1, 5000)"
    )
    await api.change("ANALYZE registrations")
    async with api.sessions() as session:
        dialect = (await session.connection()).dialect
    query = seats_in_use_query(1).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    plan = "\n".join(row[0] for row in await api.rows(f"EXPLAIN {query}"))
    assert "Seq Scan on registrations" not in plan, plan
    assert "registrations_uncleaned" in plan or "registrations_one_per_seat" in plan, plan

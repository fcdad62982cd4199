"""How far everyone is, as agents' heartbeats tell it while the sessions run."""

from typing import Any

import pytest
from api_support import AgentDouble, Api
from locations_support import Operator, beat, running
from sqlalchemy import text

EVENTS = "SELECT data->'completion' FROM registration_events WHERE type = 'completion' ORDER BY id"


def measured(percent: int, *, student: int = 1, generation: int = 1, at: str = "2026-11-23T10:00:00Z") -> Any:
    return {"student": student, "generation": generation, "percent": percent, "at": at}


async def tell(api: Api, *completions: Any) -> None:
    answer = await beat(api, completions=completions)
    assert answer.status_code == 200, answer.text


async def told(api: Api) -> list[int]:
    return [row[0] for row in await api.rows(EVENTS)]


async def test_the_holder_and_the_operators_see_how_far_a_running_session_is(api: Api, agent: AgentDouble) -> None:
    token = await running(api, agent, "ada@example.org")
    await tell(api, measured(40))
    assert (await api.http.get(f"/api/v1/registrations/{token}")).json()["completion"] == 40
    operator = await Operator.of(api)
    assert (await operator.done("GET", "/registrations"))["items"][0]["completion"] == 40
    shown = await operator.done("GET", "/locations/1")
    assert "completions" not in shown["health"]


async def test_only_a_change_is_an_event(api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "ada@example.org")
    for percent in (0, 0, 40, 40, 20):
        await tell(api, measured(percent))
    assert await told(api) == [0, 40, 20]


async def test_of_two_measurements_of_a_seat_the_later_counts(api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "ada@example.org")
    await tell(api, measured(60, at="2026-11-23T11:00:00Z"), measured(40, at="2026-11-23T10:59:00Z"))
    assert await told(api) == [60]


async def test_many_are_kept_at_once_and_another_holders_is_nobodys(api: Api, agent: AgentDouble) -> None:
    for email in ("ada@example.org", "grace@example.org"):
        await running(api, agent, email)
    await tell(
        api, measured(10), measured(20, student=2), measured(30, student=2, generation=2), measured(9, student=7)
    )
    assert await api.rows("SELECT completion_so_far FROM registrations ORDER BY id") == [(10,), (20,)]


async def test_the_measurement_at_the_end_is_final(api: Api, agent: AgentDouble) -> None:
    token = await running(api, agent, "ada@example.org")
    await tell(api, measured(40))
    await api.http.post(f"/api/v1/registrations/{token}/end")
    assert (await api.http.get(f"/api/v1/registrations/{token}")).json()["completion"] == 40
    await agent.finish("CLEANUP", completion=75)
    await tell(api, measured(10))
    assert (await api.http.get(f"/api/v1/registrations/{token}")).json()["completion"] == 75
    assert await told(api) == [40]


async def test_a_lab_that_is_not_ready_has_none(api: Api) -> None:
    await api.register()
    await tell(api, measured(40))
    assert await told(api) == []


async def test_a_lab_that_is_made_anew_begins_with_none(api: Api, agent: AgentDouble) -> None:
    answer = (await api.register()).json()
    await agent.finish("CREATE", password="pass-word-1")
    await tell(api, measured(40))
    correction = {"email": "grace@example.org", "browser_key": answer["browser_key"]}
    corrected = await api.http.post(f"/api/v1/registrations/{answer['token']}/address", json=correction)
    assert corrected.json()["completion"] is None


async def test_a_registration_somebody_works_on_waits_and_nobody_waits_for_it(api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "ada@example.org")
    await running(api, agent, "grace@example.org")
    both = (measured(40), measured(50, student=2))
    async with api.sessions.begin() as session:
        await session.execute(text("SELECT 1 FROM registrations WHERE email = 'ada@example.org' FOR UPDATE"))
        await tell(api, *both)
    assert await told(api) == [50]
    await tell(api, *both)
    assert await told(api) == [50, 40]


@pytest.mark.parametrize("wrong", [{"percent": 101}, {"percent": -1}, {"percent": "NaN"}, {"at": "now"}, {"more": 1}])
async def test_a_completion_that_makes_no_sense_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    assert (await beat(api, completions=[measured(1) | wrong])).status_code == 422


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_wild_clock_breaks_nothing(api: Api, agent: AgentDouble, at: str) -> None:
    await running(api, agent, "ada@example.org")
    await tell(api, measured(40, at=at), measured(50))
    assert len(await told(api)) == 1

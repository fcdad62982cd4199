"""What an agent's watchdog tells: part of the registration's story, once."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from api_support import ADMIN, AGENT, AgentDouble, Api
from locations_support import Operator, running

SEEN = {
    "at": "2026-11-23T10:20:00Z",
    "kind": "program",
    "student": 1,
    "registration": 1,
    "program": "xmrig",
    "processes": 2,
    "ended": True,
}


async def tell(
    api: Api, incident: dict[str, Any], location: int = 1, account: dict[str, str] = AGENT
) -> httpx.Response:
    headers = await api.login(account)
    return await api.http.post(
        f"/api/v1/locations/{location}/incidents", json={"id": str(uuid4())} | incident, headers=headers
    )


async def test_an_incident_is_in_the_story_the_notices_and_the_audit_however_often_it_is_told(
    api: Api, agent: AgentDouble
) -> None:
    await running(api, agent, "ada@example.org")
    same = SEEN | {"id": str(uuid4())}
    for _ in range(2):
        assert (await tell(api, same)).json() == {"registration": 1}
    operator = await Operator.of(api)
    events = (await operator.done("GET", "/registrations/by-id/1"))["events"]
    [seen] = [event for event in events if event["type"] == "incident"]
    assert seen["data"] == {
        "incident": same["id"], "kind": "program", "program": "xmrig", "processes": 2, "ended": True,
    }  # fmt: skip
    [(told,)] = await api.rows("SELECT text FROM notices WHERE kind = 'incident' AND registration_id = 1")
    assert "xmrig, which is not allowed, ran (2 processes, ended)" in told
    assert await operator.actions() == ["registration.incident"]


async def test_an_incident_of_a_session_that_is_over_is_its_own(api: Api, agent: AgentDouble) -> None:
    token = await running(api, agent, "ada@example.org")
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP")
    assert (await tell(api, SEEN | {"kind": "leftover"})).json() == {"registration": 1}


@pytest.mark.parametrize("nobodys", [{"registration": None}, {"registration": 99}, {"student": 2}])
async def test_an_incident_of_nobodys_is_a_notice(api: Api, agent: AgentDouble, nobodys: dict[str, Any]) -> None:
    await running(api, agent, "ada@example.org")
    assert (await tell(api, SEEN | nobodys)).json() == {"registration": None}
    assert await api.rows("SELECT location_id, registration_id FROM notices WHERE kind = 'incident'") == [(1, None)]


async def test_an_agent_tells_of_its_own_location_alone(api: Api) -> None:
    await (await Operator.of(api)).add_houston()
    assert (await tell(api, SEEN, location=2)).status_code == 403
    assert (await tell(api, SEEN, account=ADMIN)).status_code == 403


@pytest.mark.parametrize(
    "wrong", [{"program": "a\nb"}, {"program": "x" * 65}, {"processes": 0}, {"kind": "other"}, {"more": 1}]
)
async def test_an_incident_that_makes_no_sense_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    assert (await tell(api, SEEN | wrong)).status_code == 422

"""What an operator sees of one thing, and does to it."""

from typing import Any

import httpx
import pytest
from api_support import ADMIN, AgentDouble, Api

NOBODYS = "5b6c0c8e-3f0e-4c5c-9d29-6a1d3b7f2c11"


class Operator:
    """Calls with an admin's token."""

    def __init__(self, api: Api, headers: dict[str, str]) -> None:
        self._api = api
        self._headers = headers

    async def get(self, path: str) -> Any:
        answer = await self._api.http.get(f"/api/v1/{path}", headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self._api.http.post(f"/api/v1/{path}", json=body or None, headers=self._headers)


@pytest.fixture
async def operator(api: Api) -> Operator:
    return Operator(api, await api.login(ADMIN))


async def registered(api: Api) -> int:
    identity: int = (await api.register()).json()["id"]
    return identity


@pytest.mark.parametrize("path", ["students/9", "registrations/by-id/9", f"commands/{NOBODYS}", "accounts/9"])
async def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    answer = await api.http.get(f"/api/v1/{path}", headers=await api.login(ADMIN))
    assert answer.status_code == 404
    assert "GET /api/v1/" in answer.json()["detail"]


async def test_a_registration_comes_with_its_story_and_its_mails(
    api: Api, agent: AgentDouble, operator: Operator
) -> None:
    identity = await registered(api)
    await agent.finish("CREATE", password="horse-battery")
    shown = await operator.get(f"registrations/by-id/{identity}")
    assert (shown["state"], shown["student"], shown["student_id"]) == ("running", "student1", 1001)
    assert [event["type"] for event in shown["events"]] == ["registered", "accepted", "running"]
    assert {(mail["template"], mail["state"]) for mail in shown["mails"]} == {
        ("welcome", "queued"),
        ("credentials", "queued"),
    }
    assert "horse-battery" not in str(shown)


async def test_an_operator_ends_a_session_with_a_reason_that_is_kept(
    api: Api, agent: AgentDouble, operator: Operator
) -> None:
    identity = await registered(api)
    await agent.finish("CREATE", password="x")
    url = f"registrations/by-id/{identity}/end"
    assert (await operator.post(url, reason="a\x00b")).status_code == 422
    ended = await operator.post(url, reason="asked for by mail")
    assert (ended.json()["state"], ended.json()["end_reason"]) == ("ended", "operator")
    assert await api.rows("SELECT username, action, object_type, object_id, data FROM audit") == [
        ("operator", "registration.end", "registration", str(identity), {"reason": "asked for by mail"})
    ]
    assert (await api.outstanding())[1] == "CLEANUP"
    assert (await operator.post(url, reason="again")).status_code == 409


async def test_a_command_comes_with_its_reports(api: Api, agent: AgentDouble, operator: Operator) -> None:
    await registered(api)
    command = await agent.finish("CREATE", password="horse-battery")
    shown = await operator.get(f"commands/{command}")
    assert [report["data"]["type"] for report in shown["reports"]] == ["accepted", "done"]
    assert "horse-battery" not in str(shown)


async def test_a_command_that_waits_is_sent_at_once(api: Api, agent: AgentDouble, operator: Operator) -> None:
    await registered(api)
    command, _ = await api.outstanding()
    await api.change("DELETE FROM pgqueuer")
    await api.change("UPDATE commands SET attempts = 3, due_at = now() + interval '1 hour'")
    assert (await operator.post(f"commands/{command}/retry")).status_code == 200
    assert await api.value("SELECT due_at <= now() FROM commands")
    assert await api.value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'send-command'") == 1
    assert await api.value("SELECT count(*) FROM audit WHERE action = 'command.retry'") == 1
    await agent.finish("CREATE", password="x")
    assert (await operator.post(f"commands/{command}/retry")).status_code == 409


async def test_a_broken_seat_is_cleaned_again_and_no_other(api: Api, agent: AgentDouble, operator: Operator) -> None:
    assert (await operator.post("students/1001/clean")).json()["detail"].endswith("it is clean and free already")
    await registered(api)
    refused = await operator.post("students/1001/clean")
    assert refused.status_code == 409
    assert "end the registration first" in refused.json()["detail"]
    await agent.finish("CREATE", password="x")
    await api.change("UPDATE students SET state = 'broken' WHERE id = 1001")
    await api.change("UPDATE registrations SET state = 'ended', ended_at = now()")
    cleaned = await operator.post("students/1001/clean")
    assert (cleaned.status_code, cleaned.json()["state"]) == (200, "cleaning")
    assert (await operator.post("students/1001/clean")).status_code == 409
    for verb in ("CLEANUP", "PURGE"):
        await agent.finish(verb)
    assert (await operator.get("students/1001"))["state"] == "free"
    assert await api.rows("SELECT action, object_id FROM audit") == [("student.clean", "1001")]


async def test_a_broken_seat_that_nobody_was_in_is_not_cleaned(api: Api, operator: Operator) -> None:
    await api.change("UPDATE students SET state = 'broken' WHERE id = 1001")
    assert (await operator.post("students/1001/clean")).status_code == 409


async def test_the_audit_is_found_by_object_and_by_name(api: Api, operator: Operator) -> None:
    for address in ("ada@example.org", "grace@example.org"):
        identity = (await api.register(address)).json()["id"]
        await operator.post(f"registrations/by-id/{identity}/end", reason="over")
    for query, count in (
        ("object_type=registration", 2),
        (f"object_type=registration&object_id={identity}", 1),
        ("username=operator", 2),
        ("username=somebody", 0),
    ):
        assert len((await operator.get(f"audit?{query}"))["items"]) == count, query


async def test_a_report_with_a_nul_is_kept_without_it(api: Api, agent: AgentDouble, operator: Operator) -> None:
    await registered(api)
    command, _ = await api.outstanding()
    assert (await agent.report(command, "failed", error="core\x00 dumped")).status_code == 200
    assert (await operator.get(f"commands/{command}"))["error"] == "core dumped"
    assert (await agent.report(command, "failed", number=2**31, error="x")).status_code == 422

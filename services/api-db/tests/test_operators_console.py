"""What the console asks of the REST beside what was there: search, more time, one mail, an end to every session."""

from typing import Any

import httpx
import pytest
from api_support import ADMIN, AGENT, AgentDouble, Api


@pytest.fixture
async def headers(api: Api) -> dict[str, str]:
    return await api.login(ADMIN)


async def found(api: Api, headers: dict[str, str], path: str, **query: Any) -> int:
    answer = await api.http.get(f"/api/v1/{path}", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"])


async def test_a_search_finds_what_is_part_of_it_and_takes_no_pattern(api: Api, headers: dict[str, str]) -> None:
    await api.register("ada@example.org", name="Ada_Martin", company="100% Aster")
    await api.register("grace@example.org", name="Grace")
    number = await api.value("SELECT id FROM registrations WHERE email = 'ada@example.org'")
    expected = {"ADA_m": 1, "100%": 1, "example": 2, "_": 1, "%": 1, str(number): 1, "nobody": 0, "student1": 1}
    assert {word: await found(api, headers, "registrations", q=word) for word in expected} == expected
    assert await found(api, headers, "students", q="student12") == 1
    assert await found(api, headers, "students", q="12") == 1
    assert await found(api, headers, "students", q="nobody") == 0
    assert await found(api, headers, "mails", q="GRACE@") == 1
    assert await found(api, headers, "accounts", q="oper") == 1
    assert await found(api, headers, "audit", q="nothing") == 0
    assert await found(api, headers, "notices", q="nothing", kind="none") == 0


async def test_commands_and_registrations_of_a_seat(api: Api, headers: dict[str, str]) -> None:
    await api.register("ada@example.org")
    seat = await api.value("SELECT student_id FROM registrations")
    for path in ("commands", "registrations"):
        assert await found(api, headers, path, student=seat) == 1
        assert await found(api, headers, path, student=seat + 1) == 0


async def test_an_operator_gives_time_beyond_the_rule_and_only_where_time_runs(
    api: Api, agent: AgentDouble, headers: dict[str, str]
) -> None:
    made = (await api.register()).json()["id"]
    path, asked = f"/api/v1/registrations/by-id/{made}/extend", {"minutes": 45, "reason": "network"}
    assert (await api.http.post(path, json=asked, headers=headers)).status_code == 409
    await agent.finish("CREATE", password="x")
    await api.change(
        "UPDATE registrations SET clock_started_at = now(), ends_at = now(), state = 'expiring', extensions = 9"
    )
    before = await api.value("SELECT ends_at FROM registrations")
    answer = await api.http.post(path, json=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    state, later = (await api.rows("SELECT state, ends_at FROM registrations"))[0]
    assert (state, (later - before).total_seconds()) == ("running", 45 * 60)
    assert await api.rows("SELECT username, data FROM audit WHERE action = 'registration.extend'") == [
        ("operator", asked)
    ]


async def test_one_mail_is_shown(api: Api, headers: dict[str, str]) -> None:
    await api.register()
    mail = await api.value("SELECT id FROM mails")
    assert (await api.http.get(f"/api/v1/mails/{mail}", headers=headers)).json()["id"] == str(mail)
    missing = "0b9c1f0e-8a3f-4a0e-9d0c-4f6d1a2b3c4d"
    assert (await api.http.get(f"/api/v1/mails/{missing}", headers=headers)).status_code == 404


async def test_signing_out_ends_every_token_of_the_account(api: Api, headers: dict[str, str]) -> None:
    other = await api.login(ADMIN)
    assert (await api.http.post("/api/v1/accounts/me/sign-out", headers=headers)).status_code == 204
    for old in (headers, other):
        assert (await api.http.get("/api/v1/audit", headers=old)).status_code == 401
    assert (await api.http.get("/api/v1/audit", headers=await api.login(ADMIN))).status_code == 200
    assert await api.value("SELECT count(*) FROM audit WHERE action = 'account.sign-out'") == 1


async def test_agents_and_strangers_reach_none_of_it(api: Api) -> None:
    agent = await api.login(AGENT)
    calls = (
        ("GET", "/api/v1/mails/0b9c1f0e-8a3f-4a0e-9d0c-4f6d1a2b3c4d", None),
        ("POST", "/api/v1/registrations/by-id/1/extend", {"minutes": 5, "reason": "x"}),
    )
    for method, path, body in calls:
        answers: list[httpx.Response] = [
            await api.http.request(method, path, json=body, headers=headers) for headers in ({}, agent)
        ]
        assert [answer.status_code for answer in answers] == [401, 403], path

"""Accounts: who may be what, tokens that end with a change, and the last admin."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_support import ADMIN, AGENT, AgentDouble, Api, seed_of
from pydantic import SecretStr

from wod_api_db.seeding import seed
from wod_api_db.settings import Settings

GRACE: dict[str, Any] = {
    "username": "grace",
    "email": "grace@example.org",
    "role": "moderator",
    "password": "correct horse battery",
}
LOGIN = {"username": "grace", "password": GRACE["password"]}


@pytest.fixture
async def admin(api: Api) -> dict[str, str]:
    return await api.login(ADMIN)


async def create(api: Api, admin: dict[str, str], **changes: Any) -> httpx.Response:
    return await api.http.post("/api/v1/accounts", json=GRACE | changes, headers=admin)


async def status(api: Api, headers: dict[str, str], path: str = "students") -> int:
    return (await api.http.get(f"/api/v1/{path}", headers=headers)).status_code


async def test_a_created_account_logs_in_with_its_role_and_no_answer_holds_its_password(
    api: Api, admin: dict[str, str]
) -> None:
    created = await create(api, admin)
    assert created.status_code == 201
    shown = await api.http.get(f"/api/v1/accounts/{created.json()['id']}", headers=admin)
    assert shown.json() == created.json()
    assert set(created.json()) == {"id", "username", "email", "role", "location_id", "subject", "created_at"}
    grace = await api.login(LOGIN)
    assert await status(api, grace) == 200
    assert await status(api, grace, "accounts") == 403
    assert (await create(api, admin)).status_code == 409
    assert GRACE["password"] not in str(await api.rows("SELECT data FROM audit"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"role": "agent"}, "location_id"),
        ({"role": "agent", "location_id": 9}, "location_id"),
        ({"location_id": 1}, "location_id"),
        ({"password": "eleven char"}, "password"),
        ({"email": "grace"}, "email"),
        ({"username": "-"}, "username"),
    ],
)
async def test_an_account_that_cannot_be_is_refused_by_its_field(
    api: Api, admin: dict[str, str], changes: dict[str, Any], field: str
) -> None:
    answer = await create(api, admin, **changes)
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("change", [{"role": "user"}, {"password": "another horse battery"}, "delete"])
async def test_a_token_ends_with_what_it_was_given_for(api: Api, admin: dict[str, str], change: Any) -> None:
    account = (await create(api, admin)).json()["id"]
    grace = await api.login(LOGIN)
    assert await status(api, grace) == 200
    if change == "delete":
        assert (await api.http.delete(f"/api/v1/accounts/{account}", headers=admin)).status_code == 204
    else:
        assert (await api.http.patch(f"/api/v1/accounts/{account}", json=change, headers=admin)).status_code == 200
    assert await status(api, grace) == 401


async def test_an_agent_that_was_deleted_reports_nothing_any_more(
    api: Api, admin: dict[str, str], agent: AgentDouble
) -> None:
    await api.register()
    command, _ = await api.outstanding()
    account = await api.value("SELECT id FROM accounts WHERE role = 'agent'")
    assert (await api.http.delete(f"/api/v1/accounts/{account}", headers=admin)).status_code == 204
    assert (await agent.report(command, "accepted")).status_code == 401


async def test_a_new_address_alone_leaves_the_tokens_alone(api: Api, admin: dict[str, str]) -> None:
    account = (await create(api, admin)).json()["id"]
    grace = await api.login(LOGIN)
    changed = await api.http.patch(f"/api/v1/accounts/{account}", json={"email": "g@example.org"}, headers=admin)
    assert (changed.json()["email"], changed.json()["role"]) == ("g@example.org", "moderator")
    assert await status(api, grace) == 200


async def test_an_agent_becomes_a_moderator_without_its_location(api: Api, admin: dict[str, str]) -> None:
    account = await api.value("SELECT id FROM accounts WHERE role = 'agent'")
    url = f"/api/v1/accounts/{account}"
    assert (await api.http.patch(url, json={"email": "a@example.org"}, headers=admin)).json()["location_id"] == 1
    changed = (await api.http.patch(url, json={"role": "moderator"}, headers=admin)).json()
    assert (changed["role"], changed["location_id"]) == ("moderator", None)


async def test_the_last_admin_is_neither_deleted_nor_demoted(api: Api, admin: dict[str, str]) -> None:
    url = f"/api/v1/accounts/{await api.value('SELECT id FROM accounts WHERE role = :role', role='admin')}"
    assert (await api.http.delete(url, headers=admin)).status_code == 409
    assert (await api.http.patch(url, json={"role": "user"}, headers=admin)).status_code == 409
    await create(api, admin, role="admin")
    assert (await api.http.delete(url, headers=admin)).status_code == 204
    assert await api.rows("SELECT account_id, username FROM audit WHERE action = 'account.delete'") == [
        (None, "operator")
    ]


async def test_admins_that_remove_each_other_at_once_leave_one(api: Api, admin: dict[str, str]) -> None:
    for number in range(3):
        await create(api, admin, username=f"admin{number}", role="admin")
    accounts = [row[0] for row in await api.rows("SELECT id FROM accounts WHERE role = 'admin'")]
    tokens = [admin] + [
        await api.login({"username": f"admin{number}", "password": GRACE["password"]}) for number in range(3)
    ]
    others = zip(tokens, accounts[1:] + accounts[:1], strict=True)
    answers = await asyncio.gather(
        *(api.http.delete(f"/api/v1/accounts/{account}", headers=token) for token, account in others)
    )
    assert {answer.status_code for answer in answers} <= {204, 401, 409}
    assert await api.value("SELECT count(*) FROM accounts WHERE role = 'admin'") >= 1


async def test_everyone_changes_his_own_password_and_no_other(api: Api) -> None:
    headers = await api.login(AGENT)
    url, new = "/api/v1/accounts/me/password", "a much longer secret"
    for old, chosen, field in (("wrong", new, "old"), (AGENT["password"], "short", "new")):
        answer = await api.http.post(url, json={"old": old, "new": chosen}, headers=headers)
        assert answer.status_code == 422
        assert [item["field"] for item in answer.json()["errors"]] == [field]
    answer = await api.http.post(url, json={"old": AGENT["password"], "new": new}, headers=headers)
    assert answer.status_code == 204
    assert (await api.http.post(url, json={"old": new, "new": new}, headers=headers)).status_code == 401
    assert (await api.http.post("/api/v1/login", json=AGENT)).status_code == 401
    assert await api.login(AGENT | {"password": new})
    assert await api.rows("SELECT action, data FROM audit") == [("account.password", {})]


async def test_a_token_ends_when_the_seed_brings_another_password(
    api: Api, settings: Settings, admin: dict[str, str], tmp_path: Path
) -> None:
    seeding = seed_of(tmp_path)
    await seed(settings, seeding)
    assert await status(api, admin) == 200
    changed = seeding.admin.model_copy(update={"password": SecretStr("another horse battery")})
    await seed(settings, seeding.model_copy(update={"admin": changed}))
    assert await status(api, admin) == 401

"""Operators' lists: filtered, a page at a time, stable while rows are added."""

from typing import Any

import pytest
from api_support import ADMIN, AGENT, AgentDouble, Api


@pytest.fixture
async def headers(api: Api) -> dict[str, str]:
    return await api.login(ADMIN)


async def listed(api: Api, headers: dict[str, str], path: str, **query: Any) -> dict[str, Any]:
    answer = await api.http.get(f"/api/v1/{path}", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def all_pages(api: Api, headers: dict[str, str], path: str, limit: int) -> list[Any]:
    items: list[Any] = []
    page = await listed(api, headers, path, limit=limit)
    while page["next"]:
        assert len(page["items"]) == limit
        items += page["items"]
        page = await listed(api, headers, path, limit=limit, cursor=page["next"])
    items += page["items"]
    return items


@pytest.mark.parametrize("path", ["students", "registrations", "commands", "audit", "accounts"])
async def test_a_list_is_for_operators_and_refuses_a_cursor_that_is_none(
    api: Api, headers: dict[str, str], path: str
) -> None:
    assert (await api.http.get(f"/api/v1/{path}")).status_code == 401
    agent = await api.login(AGENT)
    assert (await api.http.get(f"/api/v1/{path}", headers=agent)).status_code == 403
    for cursor in ("x", "MTA", "é", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk6MA"):
        answer = await api.http.get(f"/api/v1/{path}", params={"cursor": cursor}, headers=headers)
        # "MTA" is a cursor of the lists by number
        assert answer.status_code == 422 or (cursor == "MTA" and path != "commands"), (cursor, answer.text)


@pytest.mark.parametrize("path", ["students", "registrations", "commands", "accounts"])
async def test_the_pages_of_a_list_hold_each_row_once(api: Api, headers: dict[str, str], path: str) -> None:
    for number in range(3):
        await api.register(f"ada{number}@example.org")
    whole = (await listed(api, headers, path))["items"]
    paged = await all_pages(api, headers, path, limit=2)
    assert paged == whole
    assert len({row["id"] for row in paged}) == len(paged) >= 2


async def test_commands_of_one_moment_are_paged_by_their_ids(api: Api, headers: dict[str, str]) -> None:
    for number in range(3):
        await api.register(f"ada{number}@example.org")
    await api.change("UPDATE commands SET created_at = '2026-11-23T10:00:00.000001Z'")
    first = await listed(api, headers, "commands", limit=1)
    await api.change("UPDATE commands SET created_at = now() WHERE id = :id", id=first["items"][0]["id"])
    rest = await listed(api, headers, "commands", cursor=first["next"])
    assert len(rest["items"]) == 2
    assert first["items"][0]["id"] not in {row["id"] for row in rest["items"]}


async def test_registrations_are_found_by_what_an_operator_knows(api: Api, headers: dict[str, str]) -> None:
    await api.register("ada@example.org")
    await api.register("grace@example.org")
    await api.change("UPDATE registrations SET created_at = '2026-01-01T00:00:00Z' WHERE email LIKE 'grace%'")
    queries: dict[str, dict[str, Any]] = {
        "address": {"email": " Ada@EXAMPLE.org"},
        "since": {"since": "2026-06-01T00:00:00Z"},
        "until": {"until": "2026-06-01T00:00:00Z"},
        "state": {"state": "registered"},
        "workshop": {"workshop": "WKSHP-API101"},
        "location": {"location": 1},
        "other state": {"state": "running"},
        "other workshop": {"workshop": "WKSHP-Other"},
        "other location": {"location": 2},
    }
    found = {
        name: {row["email"] for row in (await listed(api, headers, "registrations", **query))["items"]}
        for name, query in queries.items()
    }
    ada, grace = {"ada@example.org"}, {"grace@example.org"}
    assert found == {
        "address": ada,
        "since": ada,
        "until": grace,
        "state": ada | grace,
        "workshop": ada | grace,
        "location": ada | grace,
        "other state": set(),
        "other workshop": set(),
        "other location": set(),
    }


@pytest.mark.parametrize("query", [{"email": "ada"}, {"since": "0001-01-01T00:00:00+14:00"}, {"until": "2026-01-01"}])
async def test_a_filter_that_cannot_be_meant_is_refused_by_name(
    api: Api, headers: dict[str, str], query: dict[str, str]
) -> None:
    answer = await api.http.get("/api/v1/registrations", params=query, headers=headers)
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == list(query)


async def test_commands_and_students_are_filtered(api: Api, agent: AgentDouble, headers: dict[str, str]) -> None:
    await api.register()
    await agent.finish("CREATE", password="x")
    await api.register("grace@example.org")
    other = await api.value("SELECT id FROM registrations WHERE email LIKE 'grace%'")
    expected: tuple[tuple[dict[str, Any], int], ...] = (
        ({"registration": other}, 1),
        ({"state": "done"}, 1),
        ({"state": "failed"}, 0),
        ({"verb": "CREATE"}, 2),
        ({"verb": "RESET"}, 0),
        ({"location": 1}, 2),
        ({"location": 2}, 0),
    )
    for query, count in expected:
        assert len((await listed(api, headers, "commands", **query))["items"]) == count, query
    assert len((await listed(api, headers, "students", state="assigned"))["items"]) == 2
    assert len((await listed(api, headers, "students", location=1))["items"]) == 40
    assert (await listed(api, headers, "students", location=2)) == {"items": [], "next": None}

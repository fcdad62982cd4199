"""Each figure, from rows that the API itself has made."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api_support import ADMIN, AgentDouble, Api

from wod_api_db.settings import Settings
from wod_api_db.statistics.service import Cached

URL = "/api/v1/statistics"


async def ask(api: Api, **query: Any) -> dict[str, Any]:
    answer = await api.http.get(URL, params=query, headers=await api.login(ADMIN))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def run(api: Api, agent: AgentDouble, email: str) -> str:
    token = str((await api.register(email)).json()["token"])
    await agent.finish("CREATE", password="x")
    return token


async def finish(api: Api, agent: AgentDouble, token: str, completion: int) -> None:
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP", completion=completion)
    await agent.finish("PURGE")


@pytest.fixture
async def history(api: Api, agent: AgentDouble) -> None:
    """Ada twice, Bob's lab fails, Cy cancels, Di is in."""
    await finish(api, agent, await run(api, agent, "ada@example.org"), 80)
    await finish(api, agent, await run(api, agent, "ada@example.org"), 100)
    await api.register("bob@example.org")
    create, _ = await api.outstanding()
    await agent.report(create, "failed", error="1-Lab.ipynb:3: WODX is undefined\nmore of it")
    await agent.finish("CLEANUP")
    await agent.finish("PURGE")
    token = (await api.register("cy@example.org")).json()["token"]
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP")
    await agent.finish("PURGE")
    await run(api, agent, "di@example.org")


async def test_an_empty_database_has_figures_too(api: Api) -> None:
    figures = await ask(api)
    assert (figures["registrations"], figures["persons"], figures["sessions_running"]) == (0, 0, 0)
    assert (figures["workshops_active"], figures["step"], len(figures["over_time"])) == (1, "day", 31)
    nothing = {"count": 0, "median": None, "p90": None, "p99": None}
    for spread in ("accepted_after", "deployed_in", "running_after", "login_after"):
        assert figures[spread] == nothing
    assert figures["completion"] == {"count": 0, "mean": None, "tenths": [0] * 10}
    for rows in ("by_state", "by_workshop", "by_category", "ended", "failures"):
        assert figures[rows] == []
    assert figures["seats"] == [{"location": "Grenoble", "seats": 40, "by_state": {"free": 40}}]
    await api.change("DELETE FROM students")
    assert (await ask(api))["seats"] == [{"location": "Grenoble", "seats": 40, "by_state": {}}]


@pytest.mark.usefixtures("history")
async def test_registrations_and_persons_are_counted_and_split(api: Api) -> None:
    figures = await ask(api)
    assert (figures["registrations"], figures["persons"], figures["sessions_running"]) == (5, 4, 1)
    states = {row["state"]: row["registrations"] for row in figures["by_state"]}
    assert states == {"ended": 2, "failed": 1, "cancelled": 1, "running": 1}
    assert sum(moment["registrations"] for moment in figures["over_time"]) == 5
    [workshop] = figures["by_workshop"]
    assert workshop == {
        "workshop": "WKSHP-API101",
        "name": "API 101",
        "registrations": 5,
        "persons": 4,
        "failed": 1,
        "completion": 90.0,
    }
    assert figures["by_category"] == [{"category": "Open Source", "registrations": 5, "persons": 4}]
    [session_type] = figures["by_session_type"]
    assert (session_type["workshops_active"], session_type["sessions_running"]) == (1, 1)
    assert session_type["registrations"] == 5
    assert figures["seats"] == [{"location": "Grenoble", "seats": 40, "by_state": {"free": 39, "assigned": 1}}]


@pytest.mark.usefixtures("history")
async def test_ends_failures_and_completion_are_told_apart(api: Api) -> None:
    await api.change("UPDATE registrations SET end_reason = 'no-show' WHERE completion = 100")
    figures = await ask(api)
    ends = {(row["state"], row["reason"]): row["registrations"] for row in figures["ended"]}
    assert ends == {("ended", "person"): 1, ("ended", "no-show"): 1, ("cancelled", "person"): 1}
    assert figures["failures"] == [{"reason": "1-Lab.ipynb:3: WODX is undefined", "registrations": 1}]
    assert figures["completion"] == {"count": 2, "mean": 90.0, "tenths": [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]}


@pytest.mark.usefixtures("history")
async def test_times_are_spread_over_those_that_have_them(api: Api) -> None:
    await api.change("UPDATE commands SET accepted_at = created_at + interval '2 seconds' WHERE verb = 'CREATE'")
    await api.change("UPDATE commands SET finished_at = accepted_at + interval '4 seconds' WHERE verb = 'CREATE'")
    await api.change("UPDATE registrations SET ready_at = created_at + interval '6 seconds' WHERE ready_at IS NOT NULL")
    await api.change(
        """UPDATE registrations SET first_login_at = ready_at + interval '1 minute', extensions = 2
        WHERE state = 'running'"""
    )
    figures = await ask(api)
    assert {name: figures[name]["count"] for name in ("deployed_in", "running_after", "login_after")} == {
        "deployed_in": 3,
        "running_after": 3,
        "login_after": 1,
    }
    assert figures["accepted_after"] == {"count": 5, "median": 2.0, "p90": 2.0, "p99": 2.0}
    assert (figures["deployed_in"]["median"], figures["running_after"]["p99"]) == (4.0, 6.0)
    assert (figures["login_after"]["median"], figures["first_logins"], figures["extensions"]) == (60.0, 1, 2)


@pytest.mark.usefixtures("history")
async def test_a_choice_leaves_the_rest_out(api: Api) -> None:
    await api.change("UPDATE registrations SET created_at = now() - interval '3 days' WHERE state = 'ended'")
    day = datetime.now(UTC) - timedelta(days=1)
    recent = await ask(api, since=day.isoformat())
    assert (recent["registrations"], recent["step"], recent["completion"]["count"]) == (3, "hour", 0)
    assert len(recent["over_time"]) in {25, 26}
    assert sum(moment["registrations"] for moment in recent["over_time"]) == 3
    older = await ask(api, until=day.isoformat())
    assert (older["registrations"], older["persons"]) == (2, 1)
    assert (await ask(api, workshop="WKSHP-API101", location=1))["registrations"] == 5
    await api.change(
        """INSERT INTO locations (id, name, fqdn, basestdid, seats, gate_host, hub_url)
        VALUES (2, 'Houston', 'h', 5000, 0, 'h', 'h')"""
    )
    elsewhere = await ask(api, location=2)
    assert (elsewhere["registrations"], elsewhere["sessions_running"]) == (0, 0)
    assert elsewhere["seats"] == [{"location": "Houston", "seats": 0, "by_state": {}}]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"since": "2026-11-24", "until": "2026-11-23"}, 422),
        ({"since": "2001-01-01", "until": "2026-11-23"}, 422),
        ({"since": "0001-01-01T00:00:00+14:00"}, 422),
        ({"until": "9999-12-31T23:59:59-14:00"}, 422),
        ({"since": "yesterday"}, 422),
        ({"workshop": "WKSHP-None"}, 404),
        ({"workshop": "no\x00name"}, 422),
        ({"location": "7"}, 404),
        ({"location": str(2**31)}, 422),
    ],
)
async def test_what_cannot_be_answered_is_refused(api: Api, query: dict[str, str], status: int) -> None:
    answer = await api.http.get(URL, params=query, headers=await api.login(ADMIN))
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_a_time_without_a_zone_is_utc(api: Api) -> None:
    figures = await ask(api, since="2026-11-20T00:00:00", until="2026-11-23T00:00:00+01:00")
    assert (figures["since"], figures["until"]) == ("2026-11-20T00:00:00Z", "2026-11-22T23:00:00Z")


async def test_statistics_are_for_moderators_and_the_public_ones_for_all(api: Api, agent: AgentDouble) -> None:
    assert (await api.http.get(URL)).status_code == 401
    headers = await api.login({"username": "agent-1", "password": "agent-secret"})
    assert (await api.http.get(URL, headers=headers)).status_code == 403
    await finish(api, agent, await run(api, agent, "ada@example.org"), 80)
    await run(api, agent, "ada@example.org")
    shown = (await api.http.get(f"{URL}/public")).json()
    assert shown == {"registrations": 2, "persons": 1, "workshops_active": 1, "sessions_running": 1}
    await api.change("UPDATE registrations SET email_key = id::text")
    assert (await api.http.get(f"{URL}/public")).json() == shown, "read anew within seconds"


async def test_what_is_kept_is_read_anew_after_its_time() -> None:
    clock = [0.0]
    reads: list[float] = []

    async def read() -> int:
        reads.append(clock[0])
        return len(reads)

    cached = Cached(read, 5.0, lambda: clock[0])
    assert [await cached.get(), await cached.get()] == [1, 1]
    clock[0] = 5.0
    assert await cached.get() == 2


def test_retention_is_given_in_days_or_as_a_duration(settings: Settings) -> None:
    values = settings.model_dump(include={"database_url", "secret", "command_key"})
    values["database_url"] = settings.plain_database_url
    assert Settings(**values, retention="30").retention == timedelta(days=30)
    assert Settings(**values, retention="P2W").retention == timedelta(weeks=2)
    for wrong in ("0", "PT1H", "soon", "99999999"):
        with pytest.raises(ValueError, match="retention"):
            Settings(**values, retention=wrong)

from uuid import uuid4

import pytest
from api_support import ADMIN, AgentDouble, Api

from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep


async def state(api: Api) -> str:
    return str(await api.value("SELECT state FROM registrations"))


async def test_a_session_from_the_click_to_the_free_seat(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    await agent.finish("CREATE", password="pass-word-1")
    assert await state(api) == "running"
    assert ("credentials",) in await api.rows("SELECT template FROM mails")

    ended = await api.http.post(f"/api/v1/registrations/{token}/end")
    assert ended.json()["state"] == "ended"
    await agent.finish("CLEANUP", completion=75)
    assert await api.value("SELECT completion FROM registrations") == 75
    assert await api.value("SELECT state FROM students WHERE number = 1") == "cleaning"
    await agent.finish("PURGE")
    assert await api.value("SELECT state FROM students WHERE number = 1") == "free"
    assert ("ended",) in await api.rows("SELECT template FROM mails")
    shown = (await api.http.get(f"/api/v1/registrations/{token}")).json()
    assert (shown["completion"], shown["cleaned"]) == (75, True)
    assert (await api.register()).json()["username"] == "student1"
    assert await api.rows("SELECT generation, sequence FROM students WHERE number = 1") == [(2, 1)]


async def test_a_workshop_that_wants_it_is_reset_before_the_purge(api: Api, agent: AgentDouble) -> None:
    await api.change("UPDATE workshops SET reset = true")
    token = (await api.register()).json()["token"]
    await agent.finish("CREATE", password="x")
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP", completion=0)
    await agent.finish("RESET")
    await agent.finish("PURGE")
    assert await api.value("SELECT state FROM students WHERE number = 1") == "free"


async def test_the_password_is_sealed_and_in_no_event(api: Api, agent: AgentDouble) -> None:
    await api.register()
    await agent.finish("CREATE", password="pass-word-1")
    sealed = await api.value("SELECT sealed_password FROM students WHERE number = 1")
    assert sealed
    assert "pass-word-1" not in sealed
    for table in ("registration_events", "command_events", "mails", "commands", "pgqueuer"):
        assert not await api.rows(f"SELECT 1 FROM {table} AS t WHERE t::text LIKE '%pass-word-1%'"), table


async def test_cancelling_cleans_the_seat_and_a_late_done_changes_nothing(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    create, _ = await api.outstanding()
    await agent.report(create, "accepted")
    await api.http.post(f"/api/v1/registrations/{token}/end")
    assert await state(api) == "cancelled"
    late = await agent.report(create, "done", password="late")
    assert late.json() == {"state": "superseded"}
    assert await state(api) == "cancelled"
    assert await api.value("SELECT sealed_password FROM students WHERE number = 1") is None
    await agent.finish("CLEANUP")
    await agent.finish("PURGE")
    assert await api.value("SELECT state FROM students WHERE number = 1") == "free"
    assert not await api.rows("SELECT 1 FROM mails WHERE template IN ('credentials', 'ended')")


async def test_a_report_counts_once(api: Api, agent: AgentDouble) -> None:
    await api.register()
    create, _ = await api.outstanding()
    for _ in range(3):
        assert (await agent.report(create, "done", number=1, password="x")).json() == {"state": "done"}
    assert await api.value("SELECT count(*) FROM mails WHERE template = 'credentials'") == 1


async def test_an_agent_reports_for_its_own_location_only(api: Api, agent: AgentDouble) -> None:
    await api.register()
    create, _ = await api.outstanding()
    await api.change(
        "INSERT INTO locations (id, name, fqdn, basestdid, seats, gate_host, hub_url) VALUES (2, 'Houston', 'h', 5000, 1, 'h', 'h')"
    )
    await api.change("UPDATE accounts SET location_id = 2 WHERE role = 'agent'")
    stranger = AgentDouble(api, await api.login({"username": "agent-1", "password": "agent-secret"}))
    assert (await stranger.report(create, "done", password="x")).status_code == 403
    assert (await agent.report(uuid4(), "done")).status_code == 404
    operator = AgentDouble(api, await api.login(ADMIN))
    assert (await operator.report(create, "done", password="x")).status_code == 403
    nobody = AgentDouble(api, {})
    assert (await nobody.report(create, "done", password="x")).status_code == 401
    assert await state(api) == "registered"


async def test_a_failed_create_apologises_and_frees_the_address(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    create, _ = await api.outstanding()
    await agent.report(create, "accepted")
    await agent.report(create, "failed", error="1-Lab.ipynb:3: WODX is undefined")
    assert await state(api) == "failed"
    assert ("failed",) in await api.rows("SELECT template FROM mails")
    assert "WODX" not in (await api.http.get(f"/api/v1/registrations/{token}")).text
    assert (await api.register()).status_code == 201


async def test_a_seat_whose_cleaning_fails_is_cleaned_again_then_left_broken(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    await agent.finish("CREATE", password="x")
    await api.http.post(f"/api/v1/registrations/{token}/end")
    for _ in range(20):
        if await api.value("SELECT state FROM students WHERE number = 1") == "broken":
            break
        cleanup, verb = await api.outstanding()
        assert verb == "CLEANUP"
        await agent.report(cleanup, "failed", error="the hub is down")
    assert await api.value("SELECT state FROM students WHERE number = 1") == "broken"
    assert await api.value("SELECT count(*) FROM commands WHERE state IN ('queued', 'sent')") == 0
    assert await api.value("SELECT count(*) FROM mails WHERE template = 'ended'") == 1
    assert (await api.http.get("/api/v1/workshops/WKSHP-API101")).json()["room"] == 2


@pytest.mark.parametrize(
    ("column", "before", "after", "mail"),
    [
        ("expiring_at", "running", "expiring", "expiring"),
        ("ends_at", "running", "ended", None),
        ("ends_at", "expiring", "ended", None),
    ],
)
async def test_a_deadline_that_has_passed_is_acted_on_once(
    api: Api, agent: AgentDouble, column: str, before: str, after: str, mail: str | None
) -> None:
    await api.register()
    await agent.finish("CREATE", password="x")
    await api.change(f"UPDATE registrations SET state = '{before}', {column} = now() - interval '1 second'")
    await sweep(api.sessions, "worker-1")
    await sweep(api.sessions, "worker-2")
    assert await state(api) == after
    assert await api.value("SELECT count(*) FROM registration_events WHERE type = :after", after=after) == 1
    assert await api.value("SELECT count(*) FROM mails WHERE template = :mail", mail=mail or "expiring") == bool(mail)


async def test_a_deployment_that_hangs_fails_at_its_limit(api: Api, agent: AgentDouble) -> None:
    await api.register()
    create, _ = await api.outstanding()
    await agent.report(create, "accepted")
    await api.change("UPDATE registrations SET stuck_at = now() - interval '1 second'")
    await sweep(api.sessions, "worker-1")
    assert await state(api) == "failed"


async def test_a_command_that_nobody_confirmed_becomes_a_job_again(api: Api, settings: Settings) -> None:
    await api.register()
    await api.change("DELETE FROM pgqueuer")
    await api.change("UPDATE commands SET state = 'sent', attempts = 1, due_at = now() + interval '1 minute'")
    await sweep(api.sessions, "w")
    assert await api.value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'send-command'") == 0
    await api.change("UPDATE commands SET due_at = now()")
    await sweep(api.sessions, "w")
    await sweep(api.sessions, "w")
    assert await api.value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'send-command'") == 1


async def test_operators_see_seats_registrations_and_commands_and_visitors_do_not(api: Api) -> None:
    await api.register()
    headers = await api.login(ADMIN)
    for path in ("students", "registrations", "commands"):
        assert (await api.http.get(f"/api/v1/{path}", headers=headers)).json()["items"]
        assert (await api.http.get(f"/api/v1/{path}")).status_code == 401

"""What a command has printed: with its last report, for operators alone, and not for ever."""

from datetime import timedelta
from uuid import UUID

from api_support import ADMIN, AgentDouble, Api
from ready_support import VERSION, keep_ready, swept

from wod_api_db.persons.retention import retire
from wod_api_db.settings import Settings
from wod_common.events import MOST_OUTPUT

PRINTED = "TASK [Clean a seat]\nchanged: [localhost]\n<script>alert(1)</script>\x00"


async def test_operators_see_it_with_the_last_report_and_nobody_else_does(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    command = await agent.finish("CREATE", password="sesame", output=PRINTED)
    headers = await api.login(ADMIN)
    shown = (await api.http.get(f"/api/v1/commands/{command}", headers=headers)).json()
    assert [report["data"].get("output") for report in shown["reports"]] == [None, PRINTED.rstrip("\x00")]
    assert (await api.http.get(f"/api/v1/commands/{command}")).status_code == 401
    for path in (token, f"{token}/data"):
        assert "TASK [" not in (await api.http.get(f"/api/v1/registrations/{path}")).text


async def test_a_report_without_it_is_taken_and_one_that_is_too_long_is_not(api: Api, agent: AgentDouble) -> None:
    await api.register()
    command, _ = await api.outstanding()
    assert (await agent.report(command, "accepted")).status_code == 200
    assert (await agent.report(command, "done", password="x", output="x" * (MOST_OUTPUT + 1))).status_code == 422
    assert (await agent.report(command, "done", password="x")).status_code == 200


async def test_of_a_seat_that_was_nobodys_it_is_forgotten_with_its_age(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    await keep_ready(api)
    await swept(api)
    command = await agent.finish("PREPARE", content_version=VERSION, output=PRINTED)
    await _grow_old(api, command, settings.retention - timedelta(hours=1))
    await retire(api.sessions, settings)
    kept = "SELECT count(*) FROM command_events WHERE data ? 'output'"
    assert await api.value(kept) == 1
    await _grow_old(api, command, settings.retention)
    await retire(api.sessions, settings)
    assert await api.value(kept) == 0
    assert await api.value("SELECT count(*) FROM command_events") == 2


async def _grow_old(api: Api, command: UUID, age: timedelta) -> None:
    await api.change(
        "UPDATE command_events SET received_at = now() - CAST(:age AS interval) WHERE command_id = :id",
        age=age,
        id=command,
    )

import sqlite3

import pytest
from agent_doubles import Agent, a_command, until

from wod_common.commands import Command, Verb
from wod_common.events import EventType


async def test_create_ends_with_a_password_that_logs_in(agent: Agent) -> None:
    events = await agent.do(a_command())
    done = events[-1]
    assert done.password
    assert done.password.get_secret_value() == agent.delivery.passwords[0]
    assert await agent.log_in(7, agent.delivery.passwords[0])


async def test_a_create_reports_every_step_in_order_and_then_the_server(agent: Agent) -> None:
    command = a_command()
    await agent.do(command)
    events = agent.reporter.events[command.id]
    await until(lambda: len(events) == 6)
    assert [event.number for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.step or event.type for event in events] == [
        "accepted",
        "account",
        "deliver",
        "done",
        "server",
        "server",
    ]
    assert events[-1].message == "Your notebook server is ready"


async def test_a_command_is_on_the_disk_before_it_is_answered(agent: Agent) -> None:
    agent.delivery.held.add(7)
    command = a_command()
    assert (await agent.send(command)).status_code == 202
    with sqlite3.connect(f"file:{agent.folder}/state/journal.sqlite?mode=ro", uri=True) as disk:
        rows = disk.execute("SELECT body FROM commands").fetchall()
    disk.close()
    assert [Command.model_validate_json(body) for (body,) in rows] == [command]


async def test_the_same_command_again_is_answered_and_not_run(agent: Agent) -> None:
    command = a_command()
    await agent.do(command)
    answer = await agent.send(command)
    assert (answer.status_code, answer.json()["state"]) == (202, "done")
    assert agent.delivery.calls == [("create", 7)]


async def test_a_password_is_erased_once_its_report_is_taken_and_never_shown(agent: Agent) -> None:
    command = a_command()
    await agent.do(command)
    await until(lambda: len(agent.reporter.events[command.id]) == 6)
    with sqlite3.connect(agent.folder / "state/journal.sqlite") as disk:
        assert disk.execute("SELECT sealed_password FROM commands").fetchall() == [(None,)]
        stored = str(disk.execute("SELECT body FROM events").fetchall())
    disk.close()
    shown = (await agent.client.get("/commands")).text + (await agent.client.get(f"/commands/{command.id}")).text
    streamed = (await agent.client.get(f"/commands/{command.id}/events")).text
    assert "event: done" in streamed
    assert agent.delivery.passwords[0] not in shown + streamed + stored


async def test_a_stream_resumes_after_the_last_event_seen(agent: Agent) -> None:
    command = a_command()
    await agent.do(command)
    await until(lambda: len(agent.reporter.events[command.id]) == 6)
    streamed = await agent.client.get(f"/commands/{command.id}/events", headers={"Last-Event-ID": "4"})
    assert [line for line in streamed.text.splitlines() if line.startswith("id:")] == ["id: 5", "id: 6"]


async def test_an_unknown_command_has_no_events(agent: Agent) -> None:
    assert (await agent.client.get(f"/commands/{a_command().id}/events")).status_code == 404


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"location": 2}, "this is location 1"),
        ({"student": 21}, "it has 1 to 20"),
        ({"workshop": "WKSHP-Gone"}, "no content for WKSHP-Gone"),
        ({"workshop": "../victim"}, "workshop"),
        ({"generation": None}, "generation and sequence"),
    ],
)
async def test_what_this_location_does_not_have_is_refused(
    agent: Agent, change: dict[str, object], reason: str
) -> None:
    answer = await agent.client.post("/commands", json=a_command().model_dump(mode="json") | change)
    assert answer.status_code == 422
    assert reason in answer.json()["detail"]
    assert (await agent.client.get("/commands")).json() == []


async def test_a_challenge_uses_the_content_of_its_workshop(agent: Agent) -> None:
    events = await agent.do(a_command().model_copy(update={"workshop": "CHLG-API101"}))
    assert events[-1].type is EventType.DONE


@pytest.mark.parametrize("path", ["/commands", "/commands/6f0c1f6e-7f6e-4c43-a0a5-1ad04ef2f4ab"])
async def test_a_stranger_learns_nothing(agent: Agent, path: str) -> None:
    agent.client.headers.pop("Authorization")
    assert (await agent.client.get(path)).status_code == 401
    assert (await agent.send(a_command())).status_code == 401


async def test_a_failed_create_tells_the_operator_why(agent: Agent) -> None:
    agent.delivery.fails = True
    events = await agent.do(a_command())
    assert events[-1].type is EventType.FAILED
    assert events[-1].error == "line 3 of 1-Lab.ipynb: IPADRESS is not defined"
    assert not await agent.log_in(7, agent.delivery.passwords[0])


async def test_cleanup_measures_then_locks_out_then_empties(agent: Agent) -> None:
    await agent.do(a_command())
    events = await agent.do(a_command(Verb.CLEANUP, order=(1, 2)))
    assert events[-1].completion == 75
    assert agent.delivery.calls == [("create", 7), ("measure", 7), ("clean", 7)]
    calls = [call for call, _ in agent.hub.calls if call != "start"]
    assert calls == ["stop", "evict", "stop"] * 2
    assert not await agent.log_in(7, agent.delivery.passwords[0])


@pytest.mark.parametrize("verb", [Verb.CLEANUP, Verb.RESET, Verb.PURGE, Verb.DELETE])
async def test_a_fresh_agent_cleans_a_seat_it_knows_nothing_of(agent: Agent, verb: Verb) -> None:
    events = await agent.do(a_command(verb, order=(3, 4)))
    assert events[-1].type is EventType.DONE
    assert events[-1].completion is None
    assert agent.delivery.calls == [("clean", 7)]


async def test_a_cleanup_outlives_a_restart_of_the_hub(agent: Agent) -> None:
    agent.hub.away_for = 2
    events = await agent.do(a_command(Verb.CLEANUP))
    assert events[-1].type is EventType.DONE


async def test_a_hub_that_does_not_start_the_server_leaves_the_create_done(agent: Agent) -> None:
    agent.hub.away_for = 1
    command = a_command()
    await agent.do(command)
    await until(lambda: len(agent.reporter.events[command.id]) == 6)
    assert agent.reporter.events[command.id][-1].message == "Your notebook server will start when you sign in"


async def test_a_seat_can_be_cleaned_after_its_content_has_gone(agent: Agent) -> None:
    await agent.do(a_command())
    gone = a_command(Verb.CLEANUP, order=(1, 2)).model_copy(update={"workshop": "WKSHP-Gone"})
    assert (await agent.do(gone))[-1].type is EventType.DONE


async def test_readiness_names_a_hub_that_is_away(agent: Agent) -> None:
    agent.reporter.away = True
    assert (await agent.client.get("/readyz")).status_code == 200
    agent.hub.away_for = 1
    answer = await agent.client.get("/readyz")
    assert answer.status_code == 503
    assert "restarted" in answer.json()["parts"]["hub"]


async def test_metrics_count_commands_and_their_seconds(agent: Agent) -> None:
    await agent.do(a_command())
    metrics = (await agent.client.get("/metrics")).text
    assert 'wod_agent_commands{state="done"} 1.0' in metrics
    assert 'wod_agent_command_seconds_count{result="done",verb="CREATE"}' in metrics

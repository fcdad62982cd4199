"""Seats that are made ahead: kept, handed over, taken back."""

import pytest
from api_support import ADMIN, AgentDouble, Api
from ready_support import VERSION, keep_ready, prepared, speak, states, swept, verbs, verify


async def test_a_placement_keeps_as_many_as_it_is_told(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api, 2)
    await swept(api)
    assert await states(api) == ["free", "free", "preparing"]
    await agent.finish("PREPARE", content_version=VERSION)
    await prepared(api, agent)
    assert await states(api) == ["free", "ready", "ready"]
    await swept(api)
    assert await verbs(api) == []


async def test_without_a_minimum_nothing_is_made_ahead(api: Api) -> None:
    await speak(api)
    await swept(api)
    assert await states(api) == ["free", "free", "free"]


async def test_the_last_free_seat_is_left_to_whoever_comes(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api, 3)
    await prepared(api, agent)
    await prepared(api, agent)
    await swept(api)
    assert await states(api) == ["free", "ready", "ready"]


async def test_who_registers_gets_the_ready_seat_and_the_next_is_made(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api)
    await prepared(api, agent)
    token = (await api.register()).json()["token"]
    assert await states(api) == ["free", "free", "assigned"]
    assert await api.rows("SELECT verb, generation, sequence FROM commands ORDER BY created_at") == [
        ("PREPARE", 1, 1),
        ("CREATE", 2, 1),
    ]
    await swept(api)
    assert await verbs(api) == ["CREATE"], "people's labs come first"
    await agent.finish("CREATE", password="sesame", content_version=VERSION)
    assert (await api.http.get(f"/api/v1/registrations/{token}")).json()["state"] == "running"
    await swept(api)
    assert await states(api) == ["free", "preparing", "assigned"]
    assert await api.rows("SELECT 1 FROM students WHERE state = 'assigned' AND prepared_placement_id IS NOT NULL") == []


async def test_a_ready_seat_is_room_and_a_preparing_one_is_none(api: Api, agent: AgentDouble) -> None:
    async def room() -> int:
        headers = await api.login(ADMIN)
        shown = await api.http.get("/api/v1/workshops/WKSHP-API101/placements/1", headers=headers)
        return int(shown.json()["room"])

    await keep_ready(api)
    assert await room() == 3
    await swept(api)
    assert await room() == 2
    await agent.finish("PREPARE", content_version=VERSION)
    assert await room() == 3


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE workshops SET content_version = 'new'",
        "UPDATE workshops SET retired_at = now()",
        "UPDATE workshops SET active = false",
        "UPDATE placements SET closed_at = now()",
        "UPDATE placements SET last_seat = 2",
        "UPDATE placements SET ready_minimum = 0",
        "UPDATE placements SET range_reset = 'running'",
    ],
)
async def test_a_seat_that_is_not_wanted_any_more_is_cleaned(api: Api, agent: AgentDouble, change: str) -> None:
    await keep_ready(api)
    await prepared(api, agent)
    await api.change("UPDATE placements SET ready_retry_at = now() + interval '1 hour'")
    await api.change(change)
    await swept(api)
    assert await states(api) == ["free", "free", "cleaning"]
    command = await agent.finish("PURGE")
    assert await states(api) == ["free", "free", "free"]
    assert await api.rows("SELECT generation, sequence, registration_id FROM commands WHERE id = :id", id=command) == [
        (1, 2, None)
    ]
    assert await api.rows("SELECT 1 FROM students WHERE prepared_placement_id IS NOT NULL") == []


async def test_a_stale_seat_is_the_last_resort_and_never_the_first(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api)
    await prepared(api, agent)
    await api.change("UPDATE workshops SET content_version = 'new'")
    await api.register()
    assert await states(api) == ["assigned", "free", "ready"]
    await api.register("bea@example.org")
    await api.register("cy@example.org")
    assert await states(api) == ["assigned", "assigned", "assigned"]


@pytest.mark.parametrize(
    "hindrance",
    [
        "UPDATE locations SET last_heartbeat_at = NULL",
        "UPDATE locations SET last_heartbeat_at = now() - interval '2 minutes'",
        "UPDATE locations SET drained_at = now()",
        "INSERT INTO pauses (text, created_by) VALUES ('later', 'operator')",
        "INSERT INTO pauses (text, created_by, location_id) VALUES ('later', 'operator', 1)",
        "INSERT INTO pauses (text, created_by, workshop_id) VALUES ('later', 'operator', 1)",
        "UPDATE placements SET closed_at = now()",
        "UPDATE placements SET range_reset = 'running'",
        "UPDATE placements SET capacity = 0",
        "UPDATE workshops SET active = false",
        "UPDATE workshops SET retired_at = now()",
    ],
)
async def test_nothing_is_made_ahead_where_nobody_is_let_in(api: Api, hindrance: str) -> None:
    await keep_ready(api)
    await api.change(hindrance)
    await swept(api)
    assert await verbs(api) == []


async def test_another_workshop_whose_range_overlaps_keeps_a_free_seat(api: Api) -> None:
    await keep_ready(api)
    await api.change(
        "INSERT INTO workshops SELECT (jsonb_populate_record(w, jsonb_build_object('id', 99, 'notebook', 'WKSHP-Other'))).*"
        " FROM workshops w WHERE id = 1"
    )
    await api.change(
        "INSERT INTO placements (workshop_id, location_id, first_seat, last_seat, capacity) VALUES (99, 1, 3, 3, 1)"
    )
    await swept(api)
    assert await states(api) == ["free", "preparing", "free"]


async def test_what_could_not_be_made_is_cleaned_and_tried_again_later(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api)
    pauses = []
    for failures in (1, 2, 3, 4):
        await swept(api)
        command, verb = await api.outstanding()
        assert verb == "PREPARE"
        await agent.report(command, "failed", error="line 3: IPADRESS is not defined")
        assert await states(api) == ["free", "free", "cleaning"]
        await agent.finish("PURGE")
        await swept(api)
        assert await verbs(api) == [], "not at full speed"
        query = "SELECT ready_failures, extract(epoch FROM ready_retry_at - now())::float FROM placements"
        [(counted, pause)] = await api.rows(query)
        assert counted == failures
        pauses.append(pause)
        await api.change("UPDATE placements SET ready_retry_at = now()")
    assert pauses == sorted(pauses)
    notices = await api.rows("SELECT kind, text FROM notices WHERE kind LIKE 'ready%'")
    assert [kind for kind, _ in notices] == ["ready-seats-failing"]
    assert "IPADRESS is not defined" in notices[0][1]
    await prepared(api, agent)
    assert await api.rows("SELECT ready_failures, ready_retry_at FROM placements") == [(0, None)]


async def test_a_seat_that_cannot_be_cleaned_is_an_operators(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api)
    await prepared(api, agent)
    await api.change("UPDATE placements SET ready_minimum = 0")
    await swept(api)
    for _ in range(5):
        command, verb = await api.outstanding()
        assert verb == "PURGE"
        await agent.report(command, "failed", error="the disk is full")
    assert await states(api) == ["free", "free", "broken"]
    assert await api.value("SELECT count(*) FROM notices WHERE kind = 'seat-broken'") == 1
    answer = await api.http.post("/api/v1/students/1003/clean", headers=await api.login(ADMIN))
    assert answer.status_code == 200, answer.text
    await agent.finish("PURGE")
    assert await states(api) == ["free", "free", "free"]


async def test_a_seat_whose_agent_says_nothing_is_given_up(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api)
    await swept(api)
    await api.change("UPDATE commands SET created_at = now() - interval '31 minutes'")
    await api.change("UPDATE placements SET ready_minimum = 0")
    late, _ = await api.outstanding()
    await swept(api)
    assert await verbs(api) == ["PURGE"]
    assert (await agent.report(late, "done", content_version=VERSION)).status_code == 200
    assert await states(api) == ["free", "free", "cleaning"]


async def test_a_repeated_report_changes_nothing(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api)
    await swept(api)
    command = await agent.finish("PREPARE", content_version=VERSION)
    again = await agent.report(command, "done", number=2, content_version=VERSION)
    assert (again.status_code, again.json()) == (200, {"state": "done"})
    assert await states(api) == ["free", "free", "ready"]


async def test_a_free_seat_is_verified(api: Api, agent: AgentDouble) -> None:
    await speak(api)
    answer = await verify(api, 1003)
    assert (answer.status_code, answer.json()["verb"], answer.json()["registration_id"]) == (202, "VERIFY", None)
    assert await states(api) == ["free", "free", "preparing"]
    command = await agent.finish("VERIFY", differences=[])
    assert await states(api) == ["free", "free", "free"]
    shown = await api.http.get(f"/api/v1/commands/{command}", headers=await api.login(ADMIN))
    assert shown.json()["reports"][-1]["data"]["differences"] == []
    assert await api.value("SELECT count(*) FROM audit WHERE action = 'student.verify'") == 1


async def test_a_free_seat_that_is_not_clean_is_cleaned(api: Api, agent: AgentDouble) -> None:
    await speak(api)
    await verify(api, 1003)
    await agent.finish("VERIFY", differences=["the home is not empty: x"])
    assert await states(api) == ["free", "free", "cleaning"]
    assert "the home is not empty: x" in await api.value("SELECT text FROM notices")
    await agent.finish("PURGE")
    assert await states(api) == ["free", "free", "free"]


async def test_a_ready_seat_is_verified(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api)
    await prepared(api, agent)
    await verify(api, 1003)
    await agent.finish("VERIFY", differences=[], content_version=VERSION)
    assert await states(api) == ["free", "free", "ready"]


@pytest.mark.parametrize(
    "found", [{"differences": ["changed: a"], "content_version": VERSION}, {"differences": []}, {}]
)
async def test_a_ready_seat_that_differs_is_cleaned(api: Api, agent: AgentDouble, found: dict[str, object]) -> None:
    await keep_ready(api)
    await prepared(api, agent)
    await verify(api, 1003)
    await agent.finish("VERIFY", **found)
    assert await states(api) == ["free", "free", "cleaning"]


async def test_a_verification_that_fails_leaves_nothing_to_chance(api: Api, agent: AgentDouble) -> None:
    await speak(api)
    await verify(api, 1003)
    command, _ = await api.outstanding()
    await agent.report(command, "failed", error="the hub is away")
    assert await verbs(api) == ["PURGE"]


async def test_only_a_seat_that_nobody_has_is_verified(api: Api, agent: AgentDouble) -> None:
    assert (await verify(api, 1003)).status_code == 409, "a location without heartbeats may not know the command"
    await speak(api)
    await api.register()
    assert (await verify(api, 1001)).status_code == 409
    assert (await verify(api, 1040)).status_code == 409, "in no range"
    assert (await verify(api, 7)).status_code == 404
    assert (await api.http.post("/api/v1/students/1003/verify")).status_code == 401


async def test_the_minimum_is_an_admins_and_shown(api: Api) -> None:
    headers = await api.login(ADMIN)
    path = "/api/v1/workshops/WKSHP-API101/placements/1"
    assert (await api.http.get(path, headers=headers)).json()["ready_minimum"] == 0
    changed = await api.http.patch(path, json={"ready_minimum": 2}, headers=headers)
    assert (changed.status_code, changed.json()["ready_minimum"]) == (200, 2)
    for wrong in (-1, 2**40, None, "many"):
        assert (await api.http.patch(path, json={"ready_minimum": wrong}, headers=headers)).status_code == 422
    assert (await api.http.patch(path, json={"ready_minimum": 0})).status_code == 401


async def test_a_command_for_nobody_is_sent_again_at_an_operators_word(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api)
    await swept(api)
    command, _ = await api.outstanding()
    headers = await api.login(ADMIN)
    assert (await api.http.post(f"/api/v1/commands/{command}/retry", headers=headers)).status_code == 200
    listed = await api.http.get("/api/v1/commands?verb=PREPARE", headers=headers)
    assert [row["id"] for row in listed.json()["items"]] == [str(command)]

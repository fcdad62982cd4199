"""Making, changing, draining and taking away locations."""

from typing import Any

import pytest
from api_support import AGENT, Api
from locations_support import HOUSTON, Operator

from wod_api_db.locations.schemas import LARGEST_BASE, LARGEST_LOCATION, LARGEST_SEATS


@pytest.fixture
async def operator(api: Api) -> Operator:
    return await Operator.of(api)


async def test_a_new_location_has_its_seats_and_is_listed(api: Api, operator: Operator) -> None:
    await operator.add_houston()
    listed = await operator.done("GET", "/locations")
    assert [(item["id"], item["seats"]["free"]) for item in listed["items"]] == [(1, 40), (2, 10)]
    assert await api.rows("SELECT min(id), max(id) FROM students WHERE location_id = 2") == [(2001, 2010)]
    assert await operator.actions() == ["location.create"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"basestdid": 1039}, "Grenoble"),
        ({"basestdid": 991}, "Grenoble"),
        ({"id": 1}, "1"),
        ({"name": "Grenoble"}, "1"),
    ],
)
async def test_a_location_in_the_way_is_named(operator: Operator, changes: dict[str, Any], named: str) -> None:
    assert named in await operator.refused(409, "POST", "/locations", HOUSTON | changes)


async def test_intervals_may_touch(operator: Operator) -> None:
    await operator.add_houston(basestdid=1040)


@pytest.mark.parametrize(
    "changes",
    [
        {"seats": 2**31},
        {"basestdid": 2**31},
        {"name": "a\x00b"},
        {"hub_url": "ftp://hub.test"},
        {"hub_url": "http://me@hub.test"},
        {"hub_url": "http://hub.test:99999999"},
        {"fqdn": "two words"},
        {"gate_port": 0},
        {"transport": "rest"},
        {"transport": "rest", "agent_url": "https://agent.test"},
        {"agent_token": "line\nbreak"},
        {"surprise": 1},
    ],
)
async def test_a_wrong_value_is_refused(operator: Operator, changes: dict[str, Any]) -> None:
    await operator.refused(422, "POST", "/locations", HOUSTON | changes)


async def test_the_largest_location_fits(operator: Operator) -> None:
    largest: dict[str, Any] = {
        "id": LARGEST_LOCATION,
        "basestdid": LARGEST_BASE,
        "seats": LARGEST_SEATS,
        "gate_port": 65535,
    }
    await operator.add_houston(**largest)
    assert (await operator.done("GET", f"/locations/{LARGEST_LOCATION}"))["seats"]["free"] == LARGEST_SEATS
    await operator.refused(422, "GET", f"/locations/{LARGEST_LOCATION + 1}")
    await operator.done("PATCH", f"/locations/{LARGEST_LOCATION}", {"seats": 0})
    await operator.add_houston(id=3, name="Pune", basestdid=LARGEST_BASE)


async def test_a_change_touches_what_it_names(operator: Operator) -> None:
    changed = await operator.done("PATCH", "/locations/1", {"name": "Lyon", "gate_port": 25})
    assert (changed["name"], changed["gate_port"], changed["fqdn"]) == ("Lyon", 25, "grenoble.test")
    assert "null" in await operator.refused(422, "PATCH", "/locations/1", {"name": None})
    for fixed in ("id", "basestdid"):
        await operator.refused(422, "PATCH", "/locations/1", {fixed: 7})
    await operator.refused(404, "PATCH", "/locations/9", {"name": "Nowhere"})


async def test_the_agents_token_is_sealed_and_never_shown(api: Api, operator: Operator) -> None:
    changes = {"transport": "rest", "agent_url": "https://agent.test", "agent_token": "agent-token-1"}
    answer = await operator.call("PATCH", "/locations/1", changes)
    assert answer.json()["has_agent_token"] is True
    assert "agent-token-1" not in answer.text
    for table in ("locations", "audit"):
        assert not await api.rows(f"SELECT 1 FROM {table} AS t WHERE t::text LIKE '%agent-token-1%'"), table
    message = await operator.refused(422, "PATCH", "/locations/1", {"agent_token": None})
    assert "agent_token" in message
    assert (await operator.done("PATCH", "/locations/1", {"transport": "smtp", "agent_token": None}))[
        "has_agent_token"
    ] is False


async def test_more_seats_are_there_at_once_and_may_not_run_into_the_next_location(operator: Operator) -> None:
    await operator.add_houston()
    assert (await operator.done("PATCH", "/locations/1", {"seats": 50}))["seats"]["free"] == 50
    assert "Houston" in await operator.refused(409, "PATCH", "/locations/1", {"seats": 1001})


async def test_fewer_seats_are_refused_where_a_workshop_or_a_person_needs_them(api: Api, operator: Operator) -> None:
    assert "WKSHP-API101" in await operator.refused(409, "PATCH", "/locations/1", {"seats": 2})
    await api.change("UPDATE placements SET first_seat = 38, last_seat = 40")
    await api.register()
    await api.change("UPDATE placements SET closed_at = now()")
    assert "student38 (assigned)" in await operator.refused(409, "PATCH", "/locations/1", {"seats": 37})
    assert (await operator.done("PATCH", "/locations/1", {"seats": 38}))["seats"]["total"] == 38
    assert await api.value("SELECT max(number) FROM students") == 38


async def test_seats_somebody_has_had_keep_their_ids(api: Api, operator: Operator) -> None:
    await api.change("UPDATE students SET generation = 7 WHERE number = 40")
    await operator.done("PATCH", "/locations/1", {"seats": 30})
    assert await api.rows("SELECT number FROM students WHERE number > 30") == [(40,)]
    assert "Grenoble" in await operator.refused(409, "POST", "/locations", HOUSTON | {"basestdid": 1035})
    await operator.add_houston(basestdid=1030, seats=9)
    await operator.done("DELETE", "/locations/2")
    assert (await operator.done("PATCH", "/locations/1", {"seats": 40}))["seats"]["free"] == 40
    assert await api.value("SELECT generation FROM students WHERE number = 40") == 7


async def test_only_a_location_nothing_refers_to_is_taken_away(api: Api, operator: Operator) -> None:
    message = await operator.refused(409, "DELETE", "/locations/1")
    assert "accounts" in message
    assert "placements" in message
    await operator.add_houston()
    await operator.done("DELETE", "/locations/2")
    assert await api.value("SELECT count(*) FROM students WHERE location_id = 2") == 0
    await operator.refused(404, "DELETE", "/locations/2")
    assert await operator.actions() == ["location.create", "location.delete"]


async def test_draining_is_repeatable_and_written_down_once(operator: Operator) -> None:
    first = await operator.done("POST", "/locations/1/drain")
    assert first["drained_at"]
    assert (await operator.done("POST", "/locations/1/drain"))["drained_at"] == first["drained_at"]
    assert (await operator.done("POST", "/locations/1/undrain"))["drained_at"] is None
    await operator.done("POST", "/locations/1/undrain")
    assert await operator.actions() == ["location.drain", "location.undrain"]


async def test_a_moderator_reads_and_changes_nothing(api: Api, operator: Operator) -> None:
    await api.change("UPDATE accounts SET role = 'moderator' WHERE username = 'operator'")
    moderator = await Operator.of(api)
    await moderator.done("GET", "/locations/1")
    for method, path, body in (
        ("POST", "/locations", HOUSTON),
        ("PATCH", "/locations/1", {"name": "Lyon"}),
        ("DELETE", "/locations/1", None),
        ("POST", "/locations/1/drain", None),
        ("POST", "/locations/1/undrain", None),
    ):
        await moderator.refused(403, method, path, body)
    agent = await Operator.of(api, AGENT)
    await agent.refused(403, "GET", "/locations")
    assert (await api.http.get("/api/v1/locations")).status_code == 401


async def test_the_load_is_counted(api: Api, operator: Operator) -> None:
    await api.register()
    shown = await operator.done("GET", "/locations/1")
    assert shown["seats"] == {"total": 40, "free": 39, "in_use": 1, "cleaning": 0, "broken": 0}
    assert (shown["commands_waiting"], shown["running_registrations"]) == (1, 0)
    assert (shown["healthy"], shown["paused"]) == (True, None)

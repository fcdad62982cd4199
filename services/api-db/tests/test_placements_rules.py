"""Where workshops are given: moving them, changing ranges, alternates, and resetting a whole range by hand."""

from pathlib import Path
from typing import Any

import pytest
from api_support import AgentDouble, Api, seed_of, write_workshop
from locations_support import PLACEMENTS, Operator, beat, running

from wod_api_db.seeding import seed
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep

MOVE = "/workshops/WKSHP-API101/move"
TO_HOUSTON = {"location": 2, "first": 4, "last": 8, "capacity": 5}


@pytest.fixture
async def operator(api: Api) -> Operator:
    return await Operator.of(api)


@pytest.fixture
async def neighbour(settings: Settings, tmp_path: Path) -> None:
    """Another active workshop in Grenoble, with the seats 4 to 6."""
    write_workshop(tmp_path)
    write_workshop(tmp_path, "WKSHP-Other", first=4, last=6)
    await seed(settings, seed_of(tmp_path))


async def location_of_next(api: Api, email: str) -> str:
    answer = await api.register(email)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["location"])


async def test_a_drained_first_choice_leads_to_the_alternate_and_back(api: Api, operator: Operator) -> None:
    await operator.add_alternate()
    assert await location_of_next(api, "ada@example.org") == "Grenoble"
    await operator.done("POST", "/locations/1/drain")
    assert await location_of_next(api, "grace@example.org") == "Houston"
    await operator.done("POST", "/locations/1/undrain")
    assert await location_of_next(api, "alan@example.org") == "Grenoble"


async def test_an_unhealthy_first_choice_leads_to_the_alternate(api: Api, operator: Operator) -> None:
    await operator.add_alternate()
    await beat(api, hub=False)
    assert await location_of_next(api, "ada@example.org") == "Houston"
    await beat(api)
    assert await location_of_next(api, "grace@example.org") == "Grenoble"
    await api.change("UPDATE locations SET last_heartbeat_at = now() - interval '61 seconds' WHERE id = 1")
    assert await location_of_next(api, "alan@example.org") == "Houston"


async def test_a_full_first_choice_leads_to_the_alternate(api: Api, operator: Operator) -> None:
    await operator.add_alternate()
    found = [await location_of_next(api, f"person{number}@example.org") for number in range(5)]
    assert found == ["Grenoble"] * 3 + ["Houston"] * 2


async def test_a_paused_first_choice_leads_to_the_alternate(api: Api, operator: Operator) -> None:
    await operator.add_alternate()
    await operator.done("PUT", "/pauses", {"location": 1, "text": "Grenoble rests."})
    assert await location_of_next(api, "ada@example.org") == "Houston"


async def test_a_moved_workshop_is_given_at_its_new_location(api: Api, operator: Operator, agent: AgentDouble) -> None:
    token = await running(api, agent, "ada@example.org")
    await operator.add_houston()
    for _ in range(2):  # repeatable
        moved = (await operator.done("POST", MOVE, TO_HOUSTON))["items"]
    assert [(row["location"], row["rank"], row["closed_at"] is None, row["room"]) for row in moved] == [
        (1, 0, False, 0),
        (2, 0, True, 5),
    ]
    assert moved[1]["imported"] is False
    assert (await api.http.get(f"/api/v1/registrations/{token}")).json()["state"] == "running"
    answer = (await api.register("grace@example.org")).json()
    assert (answer["location"], answer["username"]) == ("Houston", "student4")
    back = (await operator.done("POST", MOVE, {"location": 1, "first": 1, "last": 3, "capacity": 3}))["items"]
    assert [(row["location"], row["closed_at"] is None) for row in back] == [(1, True), (2, False)]
    assert await location_of_next(api, "alan@example.org") == "Grenoble"


async def test_alternates_stay_when_the_first_choice_moves(operator: Operator) -> None:
    await operator.add_alternate()
    await operator.add_houston(id=3, name="Pune", basestdid=3000)
    moved = (await operator.done("POST", MOVE, TO_HOUSTON | {"location": 3}))["items"]
    assert [(row["location"], row["closed_at"] is None) for row in moved] == [(1, False), (3, True), (2, True)]


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (409, {"last": 11}),
        (422, {"first": 9}),
        (422, {"first": 0}),
        (422, {"capacity": -1}),
        (422, {"location": None}),
        (404, {"location": 9}),
    ],
)
async def test_a_move_to_where_it_does_not_fit_is_refused(
    operator: Operator, status: int, changes: dict[str, Any]
) -> None:
    await operator.add_houston()
    await operator.refused(status, "POST", MOVE, TO_HOUSTON | changes)
    [left] = (await operator.done("GET", PLACEMENTS))["items"]
    assert left["closed_at"] is None


async def test_a_changed_range_is_for_those_who_come_from_now_on(api: Api, operator: Operator) -> None:
    await api.register("ada@example.org")
    changed = await operator.done("PATCH", f"{PLACEMENTS}/1", {"first": 11, "last": 13})
    assert (changed["first"], changed["last"], changed["imported"], changed["room"]) == (11, 13, False, 2)
    assert (await api.register("grace@example.org")).json()["username"] == "student11"
    assert await api.rows("SELECT range_first FROM registrations ORDER BY id") == [(1,), (11,)]


async def test_what_is_no_range_leaves_it_the_authors(operator: Operator) -> None:
    changed = await operator.done("PATCH", f"{PLACEMENTS}/1", {"capacity": 1, "rank": 2, "reset_range": True})
    assert (changed["capacity"], changed["rank"], changed["reset_range"]) == (1, 2, True)
    assert (changed["room"], changed["imported"]) == (1, True)


@pytest.mark.usefixtures("neighbour")
async def test_a_range_in_an_active_workshops_way_is_refused(api: Api, operator: Operator) -> None:
    message = await operator.refused(409, "PATCH", f"{PLACEMENTS}/1", {"last": 4})
    assert "WKSHP-Other" in message
    assert "4 to 6" in message
    assert "Grenoble" in await operator.refused(409, "PATCH", f"{PLACEMENTS}/1", {"first": 7, "last": 41})
    await operator.refused(422, "PATCH", f"{PLACEMENTS}/1", {"first": 4})
    await api.change("UPDATE workshops SET active = false WHERE notebook = 'WKSHP-Other'")
    await operator.done("PATCH", f"{PLACEMENTS}/1", {"last": 4})


@pytest.mark.usefixtures("neighbour")
async def test_a_closed_placement_is_in_nobodys_way_until_it_is_opened(api: Api, operator: Operator) -> None:
    assert (await operator.done("PATCH", f"{PLACEMENTS}/1", {"closed": True, "last": 4}))["room"] == 0
    assert (await api.register()).status_code == 409
    assert "WKSHP-Other" in await operator.refused(409, "PATCH", f"{PLACEMENTS}/1", {"closed": False})
    assert (await operator.done("PATCH", f"{PLACEMENTS}/1", {"closed": False, "last": 3}))["closed_at"] is None
    assert (await api.register()).status_code == 201


async def test_unknown_names_are_not_found(operator: Operator) -> None:
    await operator.refused(404, "GET", "/workshops/WKSHP-Nowhere/placements")
    await operator.refused(404, "GET", f"{PLACEMENTS}/2")
    await operator.refused(404, "PATCH", f"{PLACEMENTS}/2", {"rank": 1})
    await operator.add_houston()
    await operator.refused(404, "PATCH", f"{PLACEMENTS}/2", {"rank": 1})
    await operator.refused(422, "PATCH", f"{PLACEMENTS}/1", {"rank": None})
    await operator.refused(409, "POST", PLACEMENTS, TO_HOUSTON | {"location": 1})


async def test_a_range_with_people_in_it_is_not_reset(api: Api, operator: Operator) -> None:
    await api.register()
    message = await operator.refused(409, "POST", f"{PLACEMENTS}/1/reset")
    assert "student1 (WKSHP-API101, assigned)" in message
    assert await api.value("SELECT range_reset FROM placements") is None


async def test_an_empty_range_is_reset_by_hand(api: Api, operator: Operator, agent: AgentDouble) -> None:
    token = await running(api, agent, "ada@example.org")
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP", completion=0)
    assert "cleaning" in await operator.refused(409, "POST", f"{PLACEMENTS}/1/reset")
    await agent.finish("PURGE")
    for _ in range(2):  # repeatable
        assert (await operator.done("POST", f"{PLACEMENTS}/1/reset"))["range_reset"] == "waiting"
    assert "being reset" in await operator.refused(409, "PATCH", f"{PLACEMENTS}/1", {"last": 2})
    assert (await api.register("grace@example.org")).status_code == 409
    await sweep(api.sessions, "test")
    assert await api.rows("SELECT first_student, last_student FROM commands WHERE verb = 'RESET'") == [(1, 3)]


async def test_every_act_is_written_down(api: Api, operator: Operator) -> None:
    await operator.add_alternate()
    await operator.done("PATCH", f"{PLACEMENTS}/1", {"capacity": 2})
    await operator.done("POST", MOVE, TO_HOUSTON)
    await operator.done("POST", f"{PLACEMENTS}/1/reset")
    assert await operator.actions() == [
        "location.create",
        "placement.create",
        "placement.change",
        "workshop.move",
        "placement.reset",
    ]
    data = await api.value("SELECT data FROM audit WHERE action = 'workshop.move'")
    assert (data["location"], data["closed"]) == (2, [1])


async def test_a_moderator_reads_and_changes_nothing(api: Api) -> None:
    await api.change("UPDATE accounts SET role = 'moderator' WHERE username = 'operator'")
    moderator = await Operator.of(api)
    await moderator.done("GET", f"{PLACEMENTS}/1")
    for method, path, body in (
        ("POST", PLACEMENTS, TO_HOUSTON),
        ("PATCH", f"{PLACEMENTS}/1", {"rank": 1}),
        ("POST", f"{PLACEMENTS}/1/reset", None),
        ("POST", MOVE, TO_HOUSTON),
    ):
        await moderator.refused(403, method, path, body)
    assert (await api.http.get(PLACEMENTS)).status_code == 401

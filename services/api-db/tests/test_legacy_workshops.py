"""Workshops, seats, locations and accounts over the legacy wire."""

import pytest
from api_support import Api
from legacy_support import admin, anyone

from wod_api_db.app import create_app
from wod_api_db.settings import Settings


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"legacy": True})


async def capacity(api: Api) -> tuple[int, int]:
    """As shown, and as stored."""
    [row] = (await anyone(api).get("/workshops")).json()
    return row["capacity"], await api.value("SELECT capacity FROM placements")


async def test_a_put_of_the_capacity_that_was_shown_changes_nothing(api: Api) -> None:
    caller = await admin(api)
    await anyone(api).register()
    assert await capacity(api) == (2, 3)
    await caller.put("/workshop/1", {"capacity": "2"})
    assert await capacity(api) == (2, 3)


async def test_another_capacity_is_what_is_to_be_left(api: Api) -> None:
    caller = await admin(api)
    await anyone(api).register()
    await caller.put("/workshop/1", {"capacity": 1})
    assert await capacity(api) == (1, 2)
    await caller.put("/workshop/1", {"capacity": "20"})
    assert await capacity(api) == (2, 21)


async def test_the_first_location_makes_up_for_the_others(api: Api) -> None:
    await api.change(
        "INSERT INTO locations (id, name, fqdn, basestdid, seats, gate_host, hub_url) "
        "VALUES (2, 'Tokyo', 'tokyo.test', 5000, 2, 'h', 'http://h')"
    )
    await api.change("INSERT INTO students (id, location_id, number) VALUES (5001, 2, 1), (5002, 2, 2)")
    await api.change(
        "INSERT INTO placements (workshop_id, location_id, first_seat, last_seat, capacity, rank) "
        "VALUES (1, 2, 1, 2, 2, 1)"
    )
    row = (await anyone(api).get("/workshops/1")).json()
    assert (row["location"], row["alternateLocation"], row["capacity"]) == ("grenoble.test", ["tokyo.test"], 5)
    await (await admin(api)).put("/workshop/1", {"capacity": 3})
    assert await api.rows("SELECT capacity FROM placements ORDER BY rank") == [(1,), (2,)]


async def test_a_changed_workshop_is_checked_like_an_authors(api: Api) -> None:
    caller = await admin(api)
    change = {"range": [4, 9], "beta": "true", "category": ["Cloud"], "duration": 1.5, "priority": "7"}
    row = (await caller.put("/workshop/1", change)).json()
    assert (row["range"], row["beta"], row["category"], row["duration"]) == ([4, 9], True, ["Cloud"], 1.5)
    assert await api.value("SELECT imported FROM placements") is False
    refused = await caller.put("/workshop/1", {"avatar": "javascript:alert(1)", "range": [9, 4]})
    assert refused.status_code == 422
    assert "avatar" in refused.json()["message"]
    assert "range" in refused.json()["message"]


async def test_a_whole_row_put_back_changes_nothing(api: Api) -> None:
    caller = await admin(api)
    before = (await anyone(api).get("/workshops/1")).json()
    answer = await caller.put("/workshop/1", before)
    assert answer.status_code == 200, answer.text
    assert answer.json() | {"updatedAt": ""} == before | {"updatedAt": ""}


async def test_a_workshop_is_added_where_its_location_is(api: Api) -> None:
    caller = await admin(api)
    form = {
        "name": "New",
        "notebook": "WKSHP-New",
        "active": "true",
        "capacity": "2",
        "range": [4, 5],
        "duration": 1,
        "location": "grenoble.test",
    }
    answer = await caller.post("/workshop", form)
    assert (answer.status_code, answer.json()["capacity"]) == (200, 2)
    assert (await anyone(api).register(sessionName="New")).status_code == 200
    assert (await caller.post("/workshop", form)).status_code == 409
    assert (await caller.post("/workshop", form | {"location": "nowhere.test"})).status_code == 409
    assert (await caller.post("/workshop", {"notebook": "../x", "location": "grenoble.test"})).status_code == 422


async def test_seats_belong_to_their_location(api: Api) -> None:
    caller = await admin(api)
    seat = {"username": "student40", "location": "grenoble.test"}
    assert (await caller.post("/student", seat)).status_code == 409
    await caller.delete("/student/1040")
    assert (await caller.post("/student", seat)).json()["id"] == 1040
    assert (await caller.post("/student", seat | {"username": "student41"})).status_code == 409
    await anyone(api).register()
    assert (await caller.delete("/student/1001")).status_code == 409


async def test_a_location_keeps_the_ids_of_its_students(api: Api) -> None:
    caller = await admin(api)
    row = (await caller.put("/location/1", {"name": "lab.test", "port": "8443", "basestdid": 1000})).json()
    assert (row["name"], row["port"]) == ("lab.test", 8443)
    assert (await caller.put("/location/1", {"basestdid": 2000})).status_code == 409
    assert (await caller.put("/location/1", {"name": "x\r\nRCPT TO:<a@b.c>"})).status_code == 422
    assert await api.value("SELECT fqdn FROM locations") == "lab.test"


async def test_an_admin_keeps_his_own_account(api: Api) -> None:
    caller = await admin(api)
    own = await api.value("SELECT id FROM accounts WHERE username = 'operator'")
    assert (await caller.delete(f"/user/{own}")).status_code == 409
    assert (await caller.put(f"/user/{own}", {"roles": ["user"]})).status_code == 409
    agent = await api.value("SELECT id FROM accounts WHERE username = 'agent-1'")
    assert (await caller.put(f"/user/{agent}", {"roles": ["admin"]})).status_code == 409
    assert (await caller.put(f"/user/{agent}", {"username": "operator"})).status_code == 400
    row = (await caller.put(f"/user/{own}", {"email": "new@example.org", "password": "changed"})).json()
    assert (row["email"], "password" in row) == ("new@example.org", False)
    login = await anyone(api).post("/login", {"username": "operator", "password": "changed"})
    assert login.status_code == 200


async def test_operators_writes_are_audited(api: Api) -> None:
    caller = await admin(api)
    await caller.put("/workshop/1", {"capacity": 1})
    await caller.put("/location/1", {"port": 444})
    await caller.post("/user", {"username": "new", "email": "n@example.org", "password": "very-secret"})
    rows = await api.rows("SELECT action, username, data::text FROM audit ORDER BY id")
    assert [row[:2] for row in rows] == [
        ("workshop.update", "operator"),
        ("location.update", "operator"),
        ("account.create", "operator"),
    ]
    assert "very-secret" not in str(rows)


async def test_what_this_platform_does_not_do_says_so(api: Api) -> None:
    for path in ("/emails", "/email/send-feedback"):
        answer = await anyone(api).post(path, {"email": "a@example.org"})
        assert answer.status_code == 404
        assert list(answer.json()) == ["message"]


async def test_nobody_finds_it_where_it_is_off(settings: Settings) -> None:
    off = create_app(settings.model_copy(update={"legacy": False})).openapi()["paths"]
    on = create_app(settings).openapi()["paths"]
    assert [path for path in off if path.startswith("/api/") and not path.startswith("/api/v1/")] == []
    assert {"/api/login", "/api/customer/unregister/{customer_id}", "/api/workshopsBeta"} <= set(on)
    tags = [on["/api/customers"]["get"]["tags"], on["/api/login"]["post"]["tags"]]
    assert tags == [["legacy"], ["legacy"]]

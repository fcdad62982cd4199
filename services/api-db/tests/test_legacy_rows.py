"""Every row of the reference's table of legacy answers, by its own words (``request``, or what it begins with)."""

import base64
import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_support import ADMIN, Api
from legacy_support import Legacy, account, admin, anyone

from wod_api_db.accounts.tokens import Role
from wod_api_db.settings import Settings

UNKNOWN = 999_999


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"legacy": True})


def is_text(answer: httpx.Response, status: int, text: str) -> None:
    assert (answer.status_code, answer.text) == (status, text)
    assert answer.headers["content-type"].partition(";")[0] == "text/html"


def is_json(answer: httpx.Response, status: int, content: object) -> None:
    assert (answer.status_code, answer.json()) == (status, content)
    assert answer.headers["content-type"] == "application/json"


def is_refused(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert list(answer.json()) == ["message"]


async def test_row_post_customer_accepted(api: Api) -> None:
    answer = await anyone(api).register()
    identity = await api.value("SELECT id FROM registrations")
    is_json(
        answer,
        200,
        {
            "id": identity,
            "name": "John Mc Doe-smith",
            "email": "john@corp-a.com",
            "studentId": 1001,
            "proxy": "hackshack",
        },
    )
    assert await api.value("SELECT terms_version FROM registrations") == "legacy"


async def test_row_address_already_has_a_running_one(api: Api) -> None:
    first = await anyone(api).register()
    again = await anyone(api).register()
    assert again.status_code == 202
    body = again.json()
    assert (body["id"], body["title"]) == (first.json()["id"], "API 101")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["endDate"])
    assert datetime.fromisoformat(body["endDate"])
    assert await api.value("SELECT count(*) FROM mails WHERE template = 'already'") == 1


async def test_row_same_address_in_other_case(api: Api) -> None:
    first = await anyone(api).register()
    again = await anyone(api).register("John@Corp-A.com")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


async def test_row_capacity_0(api: Api) -> None:
    await api.change("UPDATE placements SET capacity = 0")
    is_text(await anyone(api).register(), 202, "Registration full, capacity exceeded. Please try again later")


async def test_row_no_free_student(api: Api) -> None:
    await api.change("UPDATE students SET state = 'broken'")
    is_text(await anyone(api).register(), 202, "Registration full, no student account. Please try again later")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM placements",
        "UPDATE placements SET closed_at = now()",
        "UPDATE locations SET drained_at = now()",
    ],
)
async def test_row_unknown_location(api: Api, change: str) -> None:
    await api.change(change)
    is_text(await anyone(api).register(), 202, "No location available for this workshop - contact admin team")


@pytest.mark.parametrize("email", ["a@mailinator.com", "no-address", "12.34@gmail.com"])
async def test_row_denied_address(api: Api, email: str) -> None:
    is_text(await anyone(api).register(email), 200, "")
    assert await api.value("SELECT count(*) FROM registrations") == 0
    assert await api.value("SELECT count(*) FROM mails") == 0


@pytest.mark.parametrize(
    "form",
    [
        {"name": "A", "email": "a@corp-a.com", "sessionName": "No such workshop"},
        {"name": "A", "sessionName": "API 101"},
        {"email": "a@corp-a.com", "sessionName": "API 101"},
        {"name": "   ", "email": "a@corp-a.com", "sessionName": "API 101"},
        None,
        [],
    ],
)
async def test_row_unknown_title_missing_email_or_name_no_body(api: Api, form: object) -> None:
    is_json(await anyone(api).post("/customer", form), 400, {"error": {}})


@pytest.mark.parametrize("path", ["/customer", "/login", "/user"])
async def test_row_invalid_json(api: Api, path: str) -> None:
    caller = await admin(api)
    headers = {"content-type": "application/json", "x-access-token": caller.token or ""}
    answer = await api.http.post(f"/api{path}", content=b'{"name": "A",', headers=headers)
    is_json(answer, 400, {"message": "the body is not JSON"})


async def test_row_post_login(api: Api, settings: Settings) -> None:
    body = (await anyone(api).post("/login", ADMIN)).json()
    assert set(body) == {"id", "username", "email", "roles", "accessToken"}
    assert (body["username"], body["roles"]) == ("operator", ["ROLE_USER", "ROLE_ADMIN"])
    claims = settings.access_tokens.read(body["accessToken"])
    assert claims.account_id == body["id"]
    payload = body["accessToken"].split(".")[1]
    times = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert times["exp"] - times["iat"] == 180


async def test_row_wrong_password_or_unknown_user(api: Api) -> None:
    refusal = {"accessToken": None, "message": "Invalid Password!"}
    is_json(await anyone(api).post("/login", ADMIN | {"password": "x"}), 401, refusal)
    is_json(await anyone(api).post("/login", ADMIN | {"username": "nobody"}), 401, refusal)


WITH_TOKEN = [
    ("GET", "/workshopsBeta"),
    ("POST", "/workshop"),
    ("PUT", "/workshop/1"),
    ("DELETE", "/workshop/1"),
    ("GET", "/customers"),
    ("GET", "/customers/1"),
    ("PUT", "/customer/1"),
    ("DELETE", "/customer/1"),
    ("PUT", "/customer/unregister/1"),
    ("GET", "/students"),
    ("GET", "/students/1001"),
    ("PUT", "/student/1001"),
    ("POST", "/student"),
    ("DELETE", "/student/1001"),
    ("GET", "/users"),
    ("GET", "/users/1"),
    ("POST", "/user"),
    ("PUT", "/user/1"),
    ("DELETE", "/user/1"),
    ("PUT", "/location/1"),
    ("DELETE", "/location/1"),
]


@pytest.mark.parametrize(("method", "path"), WITH_TOKEN)
async def test_row_no_token(api: Api, method: str, path: str) -> None:
    is_json(await anyone(api).call(method, path, {}), 403, {"message": "No token provided!"})


@pytest.mark.parametrize(("method", "path"), WITH_TOKEN)
async def test_row_bad_token(api: Api, method: str, path: str) -> None:
    is_json(await Legacy(api, "a.b.c").call(method, path, {}), 401, {"message": "Unauthorized!"})


async def test_a_token_is_taken_from_either_header(api: Api) -> None:
    token = (await admin(api)).token
    answer = await api.http.get("/api/customers", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


async def test_row_moderator_on_an_admin_route_user_on_a_moderator_route(api: Api) -> None:
    moderator = await account(api, "mod", Role.MODERATOR)
    user = await account(api, "user", Role.USER)
    form = {"username": "u", "email": "u@example.org", "password": "x"}
    is_json(await moderator.post("/user", form), 403, {"message": "Require Admin Role!"})
    is_json(await moderator.delete("/workshop/1"), 403, {"message": "Require Admin Role!"})
    refusal = {"message": "Require Moderator or Admin Role!"}
    is_json(await user.put("/workshop/1", {"capacity": 1}), 403, refusal)
    is_json(await user.put("/customer/1", {"active": "true"}), 403, refusal)
    assert (await user.get("/workshopsBeta")).status_code == 200


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/workshops", "Workshop Not Found"),
        ("/customers", "Customer Not Found"),
        ("/students", "Student Not Found"),
        ("/users", "User Not Found"),
        ("/location", "Location Not Found"),
    ],
)
async def test_row_get_of_an_unknown_id(api: Api, path: str, text: str) -> None:
    is_text(await (await admin(api)).get(f"{path}/{UNKNOWN}"), 400, text)


@pytest.mark.parametrize("thing", ["workshop", "customer", "student", "user", "location"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_row_put_or_delete_of_an_unknown_id(api: Api, thing: str, method: str) -> None:
    is_json(await (await admin(api)).call(method, f"/{thing}/{UNKNOWN}", {}), 400, {"error": {}})


async def test_row_put_of_an_unknown_registration_to_unregister(api: Api) -> None:
    is_json(await (await admin(api)).put(f"/customer/unregister/{UNKNOWN}"), 400, {"error": {}})


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path.replace("/1001", "/abc").replace("/1", "/abc")) for method, path in WITH_TOKEN if "/1" in path]
    + [("GET", "/workshops/abc"), ("GET", "/location/abc")],
)
async def test_row_id_abc(api: Api, method: str, path: str) -> None:
    answer = await (await admin(api)).call(method, path, {})
    is_refused(answer, 400)
    assert "select" not in answer.text.lower()


async def test_row_put_with_an_unknown_field(api: Api) -> None:
    caller = await admin(api)
    identity = (await anyone(api).get("/workshops")).json()[0]["id"]
    before = (await anyone(api).get(f"/workshops/{identity}")).json()
    answer = await caller.put(f"/workshop/{identity}", {"no-such-field": 1})
    assert answer.status_code == 200
    assert (await anyone(api).get(f"/workshops/{identity}")).json() | {"updatedAt": ""} == before | {"updatedAt": ""}
    assert (await caller.put(f"/workshop/{identity}", {"capacity": 21})).status_code == 200
    assert await api.value("SELECT capacity FROM placements") == 21


async def test_row_delete(api: Api) -> None:
    caller = await admin(api)
    user = await account(api, "leaver", Role.USER)
    leaver = await api.value("SELECT id FROM accounts WHERE username = 'leaver'")
    is_json(await caller.delete(f"/user/{leaver}"), 200, {})
    assert (await user.get("/workshopsBeta")).status_code == 401
    is_json(await caller.delete("/student/1040"), 200, {})
    is_json(await caller.delete("/workshop/1"), 200, {})
    is_text(await caller.get("/workshops/1"), 400, "Workshop Not Found")


async def test_row_delete_of_a_customer_ends_the_session(api: Api) -> None:
    identity = (await anyone(api).register()).json()["id"]
    is_json(await (await admin(api)).delete(f"/customer/{identity}"), 200, {})
    assert await api.rows("SELECT state, name, email FROM registrations") == [("cancelled", "", "")]
    assert (await anyone(api).register()).status_code == 200


async def test_row_delete_of_a_location(api: Api) -> None:
    await api.change(
        "INSERT INTO locations (id, name, fqdn, basestdid, seats, gate_host, hub_url) "
        "VALUES (7, 'Tokyo', 'tokyo.test', 5000, 1, 'h', 'http://h')"
    )
    await api.change("INSERT INTO students (id, location_id, number) VALUES (5001, 7, 1)")
    caller = await admin(api)
    is_json(await caller.delete("/location/7"), 200, {})
    is_refused(await caller.delete("/location/1"), 409)


async def test_row_post_user(api: Api) -> None:
    caller = await admin(api)
    form = {"username": "new", "email": "new@example.org", "password": "secret", "roles": ["moderator"]}
    is_json(await caller.post("/user", form), 200, {"message": "User was registered successfully!"})
    assert await api.value("SELECT role FROM accounts WHERE username = 'new'") == "moderator"
    other = {"username": "other", "email": "other@example.org"}
    taken = {"message": "Failed! Username is already in use!"}
    is_json(await caller.post("/user", form | {"email": other["email"]}), 400, taken)
    taken = {"message": "Failed! Email is already in use!"}
    is_json(await caller.post("/user", form | {"username": "other"}), 400, taken)
    unknown = {"message": "Failed! Role does not exist = root"}
    is_json(await caller.post("/user", form | other | {"roles": ["root"]}), 400, unknown)


async def test_row_post_user_is_not_open_to_anyone(api: Api) -> None:
    form = {"username": "evil", "email": "evil@example.org", "password": "secret", "roles": ["admin"]}
    is_refused(await anyone(api).post("/user", form), 403)
    is_refused(await (await account(api, "mod", Role.MODERATOR)).post("/user", form), 403)
    assert await api.value("SELECT count(*) FROM accounts WHERE username = 'evil'") == 0


async def test_row_get_workshops(api: Api) -> None:
    await anyone(api).register()
    await api.change(
        'INSERT INTO workshops SELECT (jsonb_populate_record(w, \'{"id": 77, "notebook": "WKSHP-First", '
        '"priority": 0, "active": false}\')).* FROM workshops w'
    )
    rows = (await anyone(api).get("/workshops")).json()
    assert [(row["notebook"], row["popular"]) for row in rows] == [("WKSHP-First", False), ("WKSHP-API101", True)]
    active = (await anyone(api).get("/workshops?active=true")).json()
    assert [row["notebook"] for row in active] == ["WKSHP-API101"]


@pytest.mark.parametrize("path", ["/workshops", "/workshops/1", "/locations", "/location/1", "/special-badges"])
async def test_row_no_token_needed(api: Api, path: str) -> None:
    assert (await anyone(api).get(path)).status_code == 200


async def test_row_any_valid_signature(api: Api, settings: Settings) -> None:
    identity = (await anyone(api).register()).json()["id"]
    now = datetime.now().astimezone()
    nobody = Legacy(api, settings.access_tokens.issue(UNKNOWN, "ghost", Role.ADMIN, None, now))
    user = await account(api, "user", Role.USER)
    for method, path in (
        ("GET", "/customers"),
        ("GET", "/students"),
        ("PUT", f"/customer/unregister/{identity}"),
    ):
        is_refused(await nobody.call(method, path), 401)
        is_refused(await user.call(method, path), 403)
    assert await api.value("SELECT state FROM registrations") == "registered"
    students = (await (await admin(api)).get("/students")).json()
    assert {student["password"] for student in students} == {""}


async def test_row_put_and_delete_location_without_a_token(api: Api) -> None:
    is_refused(await anyone(api).put("/location/1", {"name": "evil.test"}), 403)
    is_refused(await anyone(api).delete("/location/1"), 403)
    assert await api.value("SELECT fqdn FROM locations") == "grenoble.test"


async def test_row_post_customer_with_values_of_the_clients_choice(api: Api) -> None:
    chosen: dict[str, Any] = {
        "id": 4711,
        "active": True,
        "lastEmailSent": "credentials",
        "location": "evil.test",
        "notebook": "WKSHP-X\r\nRCPT TO:<victim@example.org>",
        "studentId": 1,
        "cleaned": True,
    }
    answer = await anyone(api).register(**chosen)
    identity = answer.json()["id"]
    row = (await (await admin(api)).get(f"/customers/{identity}")).json()
    assert identity != chosen["id"]
    assert (row["active"], row["cleaned"], row["lastEmailSent"]) == (False, False, None)
    assert (row["location"], row["notebook"], row["studentId"]) == ("grenoble.test", "WKSHP-API101", 1001)
    assert await api.value("SELECT workshop FROM commands") == "WKSHP-API101"


def test_every_row_of_the_reference_has_a_test_here() -> None:
    """The table may grow; what is in it then needs a test, and this list its name."""
    reference = Path(os.environ.get("WOD_SHARED", "../shared")) / "reference" / "legacy-http.md"
    if not reference.is_file():
        pytest.skip(f"{reference} is not here: set WOD_SHARED to the folder that holds it")
    table = reference.read_text().partition("\n# ")[0]
    rows = [
        line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| request", "| ---"))
    ]
    tests = [name for name in globals() if name.startswith("test_row_")]
    missing = [row for row in rows if not any(_names(name, row) for name in tests)]
    assert not missing


def _names(test: str, row: str) -> bool:
    request = re.sub(r"[^a-z0-9]+", "_", row.split("|")[1].lower()).strip("_")
    own = test.removeprefix("test_row_")
    return any(own.startswith(start) for start in _ALIASES.get(request, (request,)))


#: rows whose words make no good name
_ALIASES = {
    "post_customer_accepted": ("post_customer_accepted",),
    "address_already_has_a_running_one_any_workshop": ("address_already_has_a_running_one",),
    "post_customer_address_already_has_a_running_one_any_workshop": ("address_already_has_a_running_one",),
    "denied_address_deny_list_throw_away_bad_syntax_12_34_gmail_com": ("denied_address",),
    "wrong_password_unknown_user": ("wrong_password_or_unknown_user",),
    "get_workshops_workshops_id_locations_location_id_special_badges": ("no_token_needed",),
    "any_valid_signature_even_of_an_unknown_user_read_all_customers_students_passwords_in_clear_and_unregistered_anyone": (
        "any_valid_signature",
    ),
    "post_customer_with_id_active_lastemailsent_location_notebook_of_the_client_s_choice_stored_let_the_client_choose_"
    "the_mail_host_and_put_smtp_commands_into_the_command_mail_through_notebook": (
        "post_customer_with_values_of_the_clients_choice",
    ),
}

"""What nobody of good will sends: always a refusal or the documented answer, never a fault of ours."""

from typing import Any

import httpx
import pytest
from api_support import Api
from legacy_support import admin, anyone

from wod_api_db.settings import Settings


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"legacy": True})


HUGE = 10**30
NASTY: list[Any] = [
    "\x00",
    "a\x00b",
    "\r\nRCPT TO:<victim@example.org>\r\nDATA",
    "\ud800",
    "'; DROP TABLE registrations; --",
    "<script>alert(1)</script>",
    "x" * 100_000,
    "٣",
    HUGE,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    True,
    None,
    [],
    {},
    [[["deep"]]],
    {"$ne": None},
]
WRITES = [
    ("POST", "/login", ["username", "password"]),
    ("POST", "/customer", ["name", "email", "company", "sessionName", "title"]),
    ("PUT", "/customer/{customer}", ["active", "cleaned", "completionPercentage"]),
    ("PUT", "/student/1001", ["password", "assigned"]),
    ("POST", "/student", ["username", "location"]),
    ("PUT", "/location/1", ["name", "basestdid", "proto", "port"]),
    ("POST", "/user", ["username", "email", "password", "roles"]),
    ("PUT", "/user/2", ["username", "email", "password", "roles"]),
    ("POST", "/workshop", ["notebook", "location", "capacity", "range", "name"]),
    (
        "PUT",
        "/workshop/1",
        ["capacity", "range", "name", "category", "compile", "duration", "replayId", "priority", "active", "avatar"],
    ),
]
VALID: dict[str, Any] = {
    "username": "somebody",
    "password": "secret",
    "name": "Ada",
    "email": "ada@corp-a.com",
    "sessionName": "API 101",
    "notebook": "WKSHP-New",
    "location": "grenoble.test",
    "range": [1, 2],
    "capacity": 1,
    "active": True,
    "duration": 1,
}


def is_no_fault(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text
    assert "sqlalchemy" not in answer.text.lower()


@pytest.mark.parametrize(("method", "path", "fields"), WRITES, ids=[f"{write[0]} {write[1]}" for write in WRITES])
async def test_no_value_is_a_fault(api: Api, method: str, path: str, fields: list[str]) -> None:
    customer = (await anyone(api).register("first@corp-a.com")).json()["id"]
    caller = await admin(api)
    for field in fields:
        for value in NASTY:
            form = {name: VALID[name] for name in fields if name in VALID} | {field: value}
            is_no_fault(await caller.call(method, path.format(customer=customer), form))
    assert await api.value("SELECT count(*) FROM accounts WHERE role = 'admin'") == 1
    assert await api.value("SELECT fqdn ~ '^[A-Za-z0-9.-]+$' FROM locations") is True
    assert await api.value("SELECT notebook FROM workshops WHERE id = 1") == "WKSHP-API101"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000, b"NaN", b"null"])
async def test_no_body_is_a_fault(api: Api, body: bytes) -> None:
    token = (await admin(api)).token or ""
    headers = {"content-type": "application/json", "x-access-token": token}
    for method, path, _ in WRITES:
        url = f"/api{path.format(customer=1)}"
        answer = await api.http.request(method, url, content=body, headers=headers)
        is_no_fault(answer)
        assert answer.status_code >= 400


@pytest.mark.parametrize("identity", ["abc", "-1", "1.5", str(2**31), str(2**63), str(HUGE), "%00", "1%27--", "1e3"])
async def test_no_id_is_a_fault(api: Api, identity: str) -> None:
    caller = await admin(api)
    for path in ("/workshops", "/customers", "/students", "/users", "/location"):
        answer = await caller.get(f"{path}/{identity}")
        is_no_fault(answer)
        assert answer.status_code == 400
    for thing in ("workshop", "customer", "student", "user", "location", "customer/unregister"):
        answer = await caller.put(f"/{thing}/{identity}", {})
        is_no_fault(answer)
        assert answer.status_code == 400


async def test_a_registration_is_not_changed_by_fields_that_are_no_report(api: Api) -> None:
    identity = (await anyone(api).register()).json()["id"]
    before = await api.rows("SELECT * FROM registrations")
    form = {
        "email": "evil@example.org",
        "studentId": 1002,
        "location": "evil.test",
        "notebook": "WKSHP-Evil",
        "endDate": "2099-01-01",
        "lastEmailSent": "credentials",
        "state": "running",
    }
    assert (await (await admin(api)).put(f"/customer/{identity}", form)).status_code == 200
    assert await api.rows("SELECT * FROM registrations") == before


async def test_words_of_smtp_reach_no_mail(api: Api) -> None:
    evil = "A\r\nRCPT TO:<victim@example.org>"
    for field in ("name", "company"):
        answer = await anyone(api).register(**{field: evil})
        assert answer.status_code == 422
    answer = await anyone(api).register(email=f"a@corp-a.com{evil}")
    assert (answer.status_code, answer.text) == (200, "")
    assert await api.value("SELECT count(*) FROM mails") == 0


async def test_a_password_of_a_seat_is_shown_nowhere(api: Api) -> None:
    identity = (await anyone(api).register()).json()["id"]
    caller = await admin(api)
    secret = "very-secret-pass"
    put = await caller.put("/student/1001", {"password": secret})
    await caller.put(f"/customer/{identity}", {"active": "true"})
    for path in ("/students", "/students/1001", "/customers", f"/customers/{identity}"):
        assert secret not in (await caller.get(path)).text
    assert secret not in put.text

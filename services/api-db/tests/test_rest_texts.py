"""Texts that are none: a NUL, which PostgreSQL does not take, and lone surrogates, which nothing can encode."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from api_support import ADMIN, AGENT, Api

LOCATION = {
    "id": 7,
    "name": "Tokyo",
    "fqdn": "tokyo.test",
    "basestdid": 5000,
    "seats": 2,
    "gate_host": "gate.tokyo.test",
    "admin_user": "wodadmin",
    "hub_url": "http://hub.test",
    "agent_url": "http://agent.test",
    "agent_token": "a-token-of-an-agent",
}
REPORT = {"number": 1, "at": "2026-11-23T10:00:00Z", "type": "done"}
#: A NUL in a program's output is taken out, so that the report is not lost.
OUTPUT = {"step": "account", "message": "made", "error": "core dumped", "output": "TASK [account]"}
HEARTBEAT = {"hub": True} | dict.fromkeys(
    (
        "waiting",
        "running",
        "concurrency",
        "cpus",
        "load",
        "memory_total",
        "memory_available",
        "disk_total",
        "disk_free",
    ),
    1,
)
ACCOUNT = {"username": "grace", "email": "grace@example.org", "role": "user", "password": "correct horse battery"}
PASSWORDS = {"old": "correct horse battery", "new": "staple of another horse"}
REGISTRATION = {
    "workshop": "WKSHP-API101",
    "name": "Ada",
    "email": "ada@example.org",
    "company": "Engines",
    "terms_version": "1",
}
CLASS = {
    "workshop": "WKSHP-API101",
    "title": "APIs",
    "starts_at": "2026-12-01T09:00:00Z",
    "ends_at": "2026-12-01T11:00:00Z",
}
ELSEWHERE = {"id_token": "e30.e30.c2ln", "nonce": "n-0S6_WzA2Mj"}
INCIDENT = {
    "id": "0b0f6c1e-6f0b-4d0c-8a37-0f3c1c6c7d11",
    "at": "2026-11-23T10:20:00Z",
    "kind": "program",
    "student": 1,
    "program": "xmrig",
    "processes": 1,
    "ended": True,
}
EVENTS, HEARTBEATS, INCIDENTS = "commands/{command}/events", "locations/1/heartbeat", "locations/1/incidents"
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "login", ADMIN),
    ("POST", "login/oidc", ELSEWHERE),
    ("POST", "accounts", ACCOUNT),
    ("PATCH", "accounts/2", {"email": "a@example.org", "role": "user", "password": "correct horse battery"}),
    ("POST", "accounts/me/password", PASSWORDS),
    ("POST", EVENTS, REPORT | {"password": "horse"}),
    ("POST", EVENTS, REPORT | OUTPUT),
    ("POST", "locations", LOCATION),
    ("PATCH", "locations/1", {name: value for name, value in LOCATION.items() if name not in {"id", "basestdid"}}),
    ("POST", HEARTBEATS, HEARTBEAT | {"version": "1.0"}),
    ("POST", "commands", {"verb": "CLEANUP", "workshop": "WKSHP-API101", "location": 1, "first": 1}),
    ("POST", "registrations", REGISTRATION),
    ("POST", "registrations/by-id/1/end", {"reason": "over"}),
    ("POST", "registrations/{token}/address", {"email": "bob@example.org", "browser_key": "k" * 32}),
    ("PUT", "pauses", {"workshop": "WKSHP-API101", "text": "Back soon."}),
    ("POST", "announcements", {"workshop": "WKSHP-API101", "text": "Back soon."}),
    ("POST", "mails/test", {"recipient": "ada@example.org"}),
    ("POST", "persons/export", {"email": "ada@example.org"}),
    ("POST", "persons/erase", {"email": "ada@example.org"}),
    ("POST", "workshops/WKSHP-API101/placements", {"location": 1, "first": 1, "last": 2, "capacity": 1}),
    ("PATCH", "workshops/WKSHP-API101/placements/1", {"capacity": 1}),
    ("POST", "classes", CLASS | {"seats": 2}),
    ("PATCH", "classes/1", {"title": "APIs", "ends_at": "2026-12-01T11:30:00Z"}),
    ("POST", "classes/1/speaker", {"name": "Ada", "terms_version": "1"}),
    ("POST", INCIDENTS, INCIDENT),
    ("POST", "registrations/{token}/help", {"wanted": True}),
    ("PUT", "registrations/{token}/feedback", {"rating": 5, "text": "Clear."}),
    ("PATCH", "registrations/{token}/badges/0b0f6c1e-6f0b-4d0c-8a37-0f3c1c6c7d11", {"show_name": True}),
    ("POST", "registrations/by-id/1/extend", {"minutes": 30, "reason": "the network was down"}),
    ("POST", "workshops/WKSHP-API101/move", {"location": 1, "first": 1, "last": 2, "capacity": 1}),
]


def _damages(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The field that is wrong, and the body with it."""
    for name, value in body.items():
        if isinstance(value, str):
            yield name, body | {name: value + "\ud800"}
            if name not in OUTPUT:
                yield name, body | {name: value + "\x00"}
    if body not in (ADMIN, ELSEWHERE):  # whose models take no notice of what they do not know
        yield "", body | {"\ud800": 1}


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
async def test_what_is_no_text_is_refused_by_its_field(api: Api, method: str, path: str, body: dict[str, Any]) -> None:
    made = (await api.register("eve@example.org")).json()
    if "browser_key" in body:
        body |= {"browser_key": made["browser_key"]}
    command = (await api.outstanding())[0]
    headers = await api.login(AGENT if path in {EVENTS, HEARTBEATS, INCIDENTS} else ADMIN)
    url = f"/api/v1/{path.format(token=made['token'], command=command)}"
    for field, damaged in _damages(body):  # an unknown key that is no text is not named
        content = json.dumps(damaged)  # in ASCII, so that lone surrogates can be sent
        sent = headers | {"Content-Type": "application/json"}
        answer = await api.http.request(method, url, content=content, headers=sent)
        assert answer.status_code == 422, (field, answer.text)
        assert field in {item["field"] for item in answer.json()["errors"]}


def test_no_route_with_a_body_is_left_out(api: Api) -> None:
    taken = [
        f"{method.upper()} {path}"
        for path, operations in api.app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    assert len(taken) == len({(method, path) for method, path, _ in BODIES}), taken


@pytest.mark.parametrize("noise", ["%00", "%ED%A0%80", "%FF"])
async def test_no_path_and_no_query_is_a_fault(api: Api, noise: str) -> None:
    headers = await api.login(ADMIN)
    for path, operations in api.app.openapi()["paths"].items():
        if "get" in operations and path.startswith("/api/"):
            names = [item["name"] for item in operations["get"].get("parameters", []) if item["in"] == "query"]
            url = re.sub(r"\{[^}]+\}", noise, path)
            for query in ["", *(f"?{name}=x{noise}" for name in names)]:
                answer = await api.http.get(url + query, headers=headers)
                assert answer.status_code < 500, url + query

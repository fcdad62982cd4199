"""Pauses of registration, and announcements to running sessions."""

from typing import Any

import pytest
from api_support import AgentDouble, Api
from locations_support import Operator, running

SCOPES: list[dict[str, Any]] = [{}, {"location": 1}, {"workshop": "WKSHP-API101"}]


@pytest.fixture
async def operator(api: Api) -> Operator:
    return await Operator.of(api)


async def told(api: Api) -> list[str]:
    """Who has an announcement in his story."""
    query = (
        "SELECT email FROM registrations AS r JOIN registration_events AS e ON e.registration_id = r.id"
        " WHERE type = 'announcement' ORDER BY email"
    )
    return [row[0].split("@")[0] for row in await api.rows(query)]


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_pause_refuses_registration_with_its_text(api: Api, operator: Operator, scope: dict[str, Any]) -> None:
    await operator.done("PUT", "/pauses", scope | {"text": "Back at noon."})
    answer = await api.register()
    assert answer.is_client_error
    assert "Back at noon." in answer.json()["detail"]
    query = "&".join(f"{name}={value}" for name, value in scope.items())
    await operator.done("DELETE", f"/pauses?{query}")
    assert (await api.register()).status_code == 201
    assert await operator.actions() == ["pause.put", "pause.delete"]


async def test_the_widest_pause_speaks(api: Api, operator: Operator) -> None:
    for scope, text in zip(reversed(SCOPES), ("Workshop.", "Location.", "Everywhere."), strict=True):
        await operator.done("PUT", "/pauses", scope | {"text": text})
    for scope, expected in zip(SCOPES, ("Everywhere.", "Workshop.", "Workshop."), strict=True):
        assert expected in (await api.register()).json()["detail"]
        await operator.done("DELETE", "/pauses?" + "&".join(f"{name}={value}" for name, value in scope.items()))
    assert (await api.register()).status_code == 201


async def test_a_pause_of_another_workshop_or_location_hinders_nobody(api: Api, operator: Operator) -> None:
    await operator.add_houston()
    await operator.done("PUT", "/pauses", {"location": 2, "text": "Houston rests."})
    assert (await api.register()).status_code == 201
    assert (await operator.done("GET", "/locations/2"))["paused"] == "Houston rests."
    assert (await operator.done("GET", "/locations/1"))["paused"] is None


async def test_a_pause_that_is_put_again_says_the_new_text(operator: Operator) -> None:
    for text in ("First.", "Second."):
        await operator.done("PUT", "/pauses", {"text": text})
    [pause] = (await operator.done("GET", "/pauses"))["items"]
    assert (pause["text"], pause["created_by"], pause["location"]) == ("Second.", "operator", None)


@pytest.mark.parametrize("path", ["/pauses", "/announcements"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (422, {"text": ""}),
        (422, {"text": "x" * 501}),
        (422, {"text": "two\nlines"}),
        (422, {"text": "nul\x00"}),
        (422, {"text": "\x9b31m"}),
        (422, {"text": "\ud800"}),
        (422, {"text": "x", "location": 1, "workshop": "WKSHP-API101"}),
        (422, {"text": "x", "location": 2**31}),
        (422, {"text": "x", "workshop": "../etc"}),
        (404, {"text": "x", "location": 9}),
        (404, {"text": "x", "workshop": "WKSHP-Nowhere"}),
    ],
)
async def test_a_wrong_text_or_scope_is_refused(
    operator: Operator, path: str, status: int, body: dict[str, Any]
) -> None:
    await operator.refused(status, "PUT" if path == "/pauses" else "POST", path, body)


async def test_what_is_not_paused_cannot_be_resumed(operator: Operator) -> None:
    assert "location 1" in await operator.refused(404, "DELETE", "/pauses?location=1")
    await operator.refused(422, "DELETE", "/pauses?location=1&workshop=WKSHP-API101")


async def test_a_moderator_reads_and_says_nothing(api: Api) -> None:
    await api.change("UPDATE accounts SET role = 'moderator' WHERE username = 'operator'")
    moderator = await Operator.of(api)
    await moderator.done("GET", "/pauses")
    await moderator.done("GET", "/announcements")
    await moderator.refused(403, "PUT", "/pauses", {"text": "x"})
    await moderator.refused(403, "DELETE", "/pauses")
    await moderator.refused(403, "POST", "/announcements", {"text": "x"})


async def _three_kinds(api: Api, agent: AgentDouble) -> None:
    """Ada runs, Grace expires, Edsger's lab is being made, Alan's session is over."""
    await running(api, agent, "ada@example.org")
    await running(api, agent, "grace@example.org")
    await api.change("UPDATE registrations SET state = 'expiring' WHERE email = 'grace@example.org'")
    await api.change("UPDATE placements SET last_seat = 10, capacity = 10")
    alan = await running(api, agent, "alan@example.org")
    await api.http.post(f"/api/v1/registrations/{alan}/end")
    await api.register("edsger@example.org")


@pytest.mark.parametrize("scope", SCOPES)
async def test_an_announcement_reaches_exactly_the_running_sessions(
    api: Api, agent: AgentDouble, operator: Operator, scope: dict[str, Any]
) -> None:
    await _three_kinds(api, agent)
    answer = await operator.done("POST", "/announcements", scope | {"text": "Coffee is ready."})
    assert answer["sessions"] == 2
    assert await told(api) == ["ada", "grace"]
    event = await api.rows("SELECT data, state FROM registration_events WHERE type = 'announcement' ORDER BY id")
    assert event == [({"text": "Coffee is ready."}, "running"), ({"text": "Coffee is ready."}, "expiring")]
    [listed] = (await operator.done("GET", "/announcements"))["items"]
    assert (listed["text"], listed["sessions"], listed["created_by"]) == ("Coffee is ready.", 2, "operator")


async def test_an_announcement_to_one_location_reaches_nobody_elsewhere(
    api: Api, agent: AgentDouble, operator: Operator
) -> None:
    await operator.add_alternate()
    await running(api, agent, "ada@example.org")
    await operator.done("POST", "/locations/1/drain")
    await api.register("grace@example.org")
    await api.change("UPDATE registrations SET state = 'running' WHERE location_id = 2")
    assert (await operator.done("POST", "/announcements", {"location": 2, "text": "Hi."}))["sessions"] == 1
    assert await told(api) == ["grace"]
    assert (await operator.done("POST", "/announcements", {"text": "Hi."}))["sessions"] == 2
    assert (await operator.done("POST", "/announcements", {"workshop": "WKSHP-API101", "text": "Hi."}))["sessions"] == 2


async def test_announcements_are_listed_by_page(operator: Operator) -> None:
    for text in ("One.", "Two.", "Three."):
        await operator.done("POST", "/announcements", {"text": text})
    page = await operator.done("GET", "/announcements?limit=2")
    assert [item["text"] for item in page["items"]] == ["Three.", "Two."]
    page = await operator.done("GET", f"/announcements?limit=2&cursor={page['next']}")
    assert ([item["text"] for item in page["items"]], page["next"]) == (["One."], None)

"""What the holder of a personal link may ask for: the password again, a calendar entry, feedback, the badge's name."""

from typing import Any

import pytest
from api_support import ADMIN, AGENT, AgentDouble, Api
from httpx import Response
from icalendar import Calendar

from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep


async def running(api: Api, agent: AgentDouble) -> str:
    token = str((await api.register()).json()["token"])
    await agent.finish("CREATE", password="first-password")
    await api.change("UPDATE registrations SET clock_started_at = now(), ends_at = now() + duration")
    await api.change("UPDATE mails SET created_at = now() - interval '1 hour'")
    return token


async def finished(api: Api, agent: AgentDouble) -> str:
    token = await running(api, agent)
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP", completion=75)
    await agent.finish("PURGE")
    return token


async def call(api: Api, method: str, token: str, path: str, body: dict[str, Any] | None = None) -> Response:
    return await api.http.request(method, f"/api/v1/registrations/{token}/{path}", json=body)


async def test_the_password_is_mailed_again_a_few_times_and_not_at_once(api: Api, agent: AgentDouble) -> None:
    token = await running(api, agent)
    for left in (3, 2, 1, 0):
        answer = await call(api, "POST", token, "credentials")
        assert (answer.status_code, answer.json()) == (202, {"left": left})
        soon = await call(api, "POST", token, "credentials")
        assert (soon.status_code, soon.json()["type"]) == (409, "credentials-refused")
        assert "first-password" not in answer.text
        await api.change("UPDATE mails SET created_at = created_at - interval '1 hour'")
    assert (await call(api, "POST", token, "credentials")).status_code == 409
    assert await api.value("SELECT count(*) FROM mails WHERE template = 'credentials'") == 5


async def test_there_is_no_password_to_mail_before_the_lab_and_after_it(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    assert (await call(api, "POST", token, "credentials")).status_code == 409
    await agent.finish("CREATE", password="x")
    await call(api, "POST", token, "end")
    refused = await call(api, "POST", token, "credentials")
    assert (refused.status_code, "does not run" in refused.json()["detail"]) == (409, True)


async def test_a_password_that_arrives_later_makes_up_for_the_lost_mail(api: Api, agent: AgentDouble) -> None:
    token = await running(api, agent)
    await api.change("UPDATE mails SET state = 'failed', error = '550 no' WHERE template = 'credentials'")
    page = f"/api/v1/registrations/{token}"
    assert "password" in (await api.http.get(page)).json()["mail_trouble"]
    await call(api, "POST", token, "credentials")
    await api.change("UPDATE mails SET state = 'sent' WHERE state = 'queued' AND template = 'credentials'")
    assert (await api.http.get(page)).json()["mail_trouble"] is None


async def test_the_calendar_names_the_end_as_it_stands_and_no_password(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    assert (await call(api, "GET", token, "calendar.ics")).status_code == 404
    await agent.finish("CREATE", password="first-password")
    await api.change("UPDATE registrations SET ends_at = '2030-01-02T03:04:05Z', clock_started_at = now()")
    answer = await call(api, "GET", token, "calendar.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    [event] = Calendar.from_ical(answer.text).walk("VEVENT")
    assert event.decoded("dtend").isoformat() == "2030-01-02T03:04:05+00:00"
    assert "first-password" not in answer.text


async def test_feedback_is_given_once_the_lab_was_there_and_may_be_changed(api: Api, agent: AgentDouble) -> None:
    early = (await api.register()).json()["token"]
    assert (await call(api, "PUT", early, "feedback", {"rating": 5})).json()["type"] == "nothing-taken"
    await agent.finish("CREATE", password="x")
    assert (await call(api, "GET", early, "feedback")).status_code == 404
    for rating, words in ((2, "Too short"), (5, "  Clear <b>now</b> ")):
        assert (await call(api, "PUT", early, "feedback", {"rating": rating, "text": words})).status_code == 200
    assert (await call(api, "GET", early, "feedback")).json()["text"] == "Clear <b>now</b>"
    assert await api.rows("SELECT rating, text FROM feedback") == [(5, "Clear <b>now</b>")]


@pytest.mark.parametrize("body", [{"rating": 0}, {"rating": 6}, {}, {"rating": 3, "text": "x" * 2001}, {"rating": "a"}])
async def test_what_is_no_feedback_is_refused(api: Api, agent: AgentDouble, body: dict[str, Any]) -> None:
    token = await running(api, agent)
    assert (await call(api, "PUT", token, "feedback", body)).status_code == 422


async def test_operators_read_feedback_and_nobody_else(api: Api, agent: AgentDouble) -> None:
    token = await running(api, agent)
    await call(api, "PUT", token, "feedback", {"rating": 4, "text": "Good"})
    assert (await api.http.get("/api/v1/feedback")).status_code == 401
    assert (await api.http.get("/api/v1/feedback", headers=await api.login(AGENT))).status_code == 403
    headers = await api.login(ADMIN)
    for query, count in (("", 1), ("?workshop=WKSHP-API101&rating=4", 1), ("?workshop=WKSHP-No", 0), ("?rating=5", 0)):
        items = (await api.http.get(f"/api/v1/feedback{query}", headers=headers)).json()["items"]
        assert len(items) == count
    assert "ada" not in str((await api.http.get("/api/v1/feedback", headers=headers)).json()).casefold()


async def test_feedback_is_shown_and_its_words_erased_with_the_person(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    token = await finished(api, agent)
    await call(api, "PUT", token, "feedback", {"rating": 4, "text": "I am Ada of Example"})
    data = (await call(api, "GET", token, "data")).json()
    assert data["registrations"][0]["feedback"]["text"] == "I am Ada of Example"
    await call(api, "DELETE", token, "data")
    await sweep(api.sessions, "test")
    assert await api.rows("SELECT rating, text FROM feedback") == [(4, "")]


async def test_a_badge_tells_its_owners_name_when_he_wants_it(api: Api, agent: AgentDouble) -> None:
    token = await finished(api, agent)
    [badge] = (await call(api, "GET", token, "badges")).json()["items"]
    page = f"/api/v1/badges/{badge['token']}"
    assert (await api.http.get(page)).json()["shown_name"] == ""
    for wanted, name in ((True, "Ada"), (False, ""), (True, "Ada")):
        changed = await call(api, "PATCH", token, f"badges/{badge['token']}", {"show_name": wanted})
        assert (changed.status_code, changed.json()["shown_name"]) == (200, name)
        assert (await api.http.get(page)).json()["shown_name"] == name
    await call(api, "DELETE", token, "data")
    assert (await api.http.get(page)).json()["shown_name"] == ""


async def test_nobody_changes_the_badge_of_another(api: Api, agent: AgentDouble) -> None:
    token = await finished(api, agent)
    [badge] = (await call(api, "GET", token, "badges")).json()["items"]
    other = (await api.register("bea@example.org")).json()["token"]
    refused = await call(api, "PATCH", other, f"badges/{badge['token']}", {"show_name": True})
    assert refused.status_code == 404
    assert await api.value("SELECT shown_name FROM badges") == ""


async def test_a_second_registration_is_told_how_to_take_the_other_workshop_instead(
    api: Api, agent: AgentDouble
) -> None:
    await running(api, agent)
    assert (await api.register()).status_code == 409
    assert await api.value("SELECT data ->> 'wanted' FROM mails WHERE template = 'already'") == "WKSHP-API101"


async def test_popular_is_what_most_addresses_asked_for(api: Api) -> None:
    assert (await api.register()).status_code == 201
    api.app.state.popular.__init__()  # it counts once a minute
    assert (await api.http.get("/api/v1/workshops/popular")).json() == {"items": ["WKSHP-API101"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "credentials"), ("GET", "calendar.ics"), ("GET", "feedback"), ("PUT", "feedback"), ("GET", "badges")],
)
async def test_a_wrong_link_opens_nothing(api: Api, method: str, path: str) -> None:
    await api.register()
    body = {"rating": 1} if method == "PUT" else None
    assert (await call(api, method, "1-forged", path, body)).status_code == 404

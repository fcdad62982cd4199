"""Seats that are booked: out of public reach while they are needed, refused where they do not fit, given back."""

from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from api_support import ADMIN, AgentDouble, Api
from classes_support import HOUR, Teacher, pass_time, room, swept, widen
from mail_support import Mailbox, Post, listening, text_of
from waiting_support import join, room_for, states, take_every_seat

from wod_api_db.settings import Settings
from wod_demo.ports import free_port


@pytest.fixture
async def grace(api: Api) -> Teacher:
    await widen(api, 10)
    return await Teacher.of(api)


async def test_booked_seats_are_out_of_public_reach_while_a_session_would_reach_into_the_class(
    api: Api, grace: Teacher
) -> None:
    await grace.book(6, begins=5 * HOUR)
    assert await room(api) == 10, "a session of two hours is over by then"
    await pass_time(api, 3 * HOUR)
    assert await room(api) == 4
    for number in range(4):
        assert (await api.register(f"p{number}@example.org")).status_code == 201
    assert (await api.register("late@example.org")).json()["type"] == "workshop-full"
    await api.change("UPDATE classes SET ended_at = now()")
    assert await room(api) == 6


async def test_classes_that_overlap_add_up_and_those_that_follow_do_not(api: Api, grace: Teacher) -> None:
    await grace.book(4, begins=HOUR, length=HOUR)
    await grace.book(5, begins=3 * HOUR, length=HOUR)
    await api.change("UPDATE workshops SET duration = '4 h'")
    assert await room(api) == 5
    await grace.book(4, begins=3 * HOUR, length=HOUR)
    assert await room(api) == 1


async def test_who_is_in_the_class_is_counted_once(api: Api, grace: Teacher) -> None:
    taught = await grace.book(6, begins=timedelta(minutes=5))
    assert await room(api) == 4
    joined = await api.register(join_code=taught["code"])
    assert joined.status_code == 201, joined.text
    assert await room(api) == 4
    await api.register("public@example.org")
    assert await room(api) == 3
    shown = await grace.shown(taught["id"])
    assert (shown["state"], shown["joined"]) == ("open", 1)


async def test_what_is_offered_to_who_waits_is_not_booked_over(api: Api, grace: Teacher) -> None:
    await take_every_seat(api)
    await join(api, "ada@example.org")
    await room_for(api, 1)
    refused = await grace.try_to_book(1, begins=timedelta(minutes=5))
    assert (refused.status_code, refused.json()["type"]) == (409, "class-does-not-fit")
    assert "0 of 2" in refused.json()["detail"]
    await api.change("UPDATE registrations SET offer_ends_at = now() WHERE state = 'offered'")
    await swept(api)
    await grace.book(1, begins=timedelta(minutes=5))


async def test_labs_that_are_being_made_for_a_class_take_no_other_seats_away(api: Api, grace: Teacher) -> None:
    await widen(api, 3)
    await api.change("UPDATE placements SET capacity = 0")
    await join(api, "ada@example.org")
    await api.change("UPDATE placements SET capacity = 3")
    await swept(api)
    await grace.book(2, begins=timedelta(minutes=5))
    await api.change("UPDATE locations SET last_heartbeat_at = now()")
    await swept(api)
    await swept(api)
    assert await api.value("SELECT count(*) FROM students WHERE state = 'preparing'") == 2
    assert await states(api) == {"ada": "offered"}
    await api.change("UPDATE mails SET state = 'sent'")
    await api.change("UPDATE registrations SET offer_ends_at = now() WHERE state = 'offered'")
    await swept(api)
    assert await room(api) == 1
    assert (await api.register("bea@example.org")).status_code == 201
    assert (await api.register("cy@example.org")).json()["type"] == "workshop-full"


async def test_what_does_not_fit_is_refused_with_the_nearest_times_that_do(api: Api, grace: Teacher) -> None:
    first = await grace.book(8, begins=10 * HOUR, length=2 * HOUR)
    refused = await grace.try_to_book(3, begins=11 * HOUR)
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "class-does-not-fit")
    assert "2 of 10 at Grenoble" in problem["detail"]
    assert len(problem["alternatives"]) == 2
    for other in problem["alternatives"]:
        times = {"starts_at": other["starts_at"], "ends_at": other["ends_at"]}
        booked = await grace.try_to_book(3, **times)
        assert booked.status_code == 201, booked.text
    assert (await grace.try_to_book(11, begins=20 * HOUR)).json()["alternatives"] == []
    await grace.done("POST", f"/{first['id']}/end")
    assert (await grace.try_to_book(3, begins=11 * HOUR)).status_code == 201


async def test_a_class_goes_around_who_is_in_and_who_is_in_is_not_extended_into_it(
    api: Api, agent: AgentDouble, grace: Teacher
) -> None:
    token = (await api.register()).json()["token"]
    await agent.finish("CREATE", password="secret")
    await api.change("UPDATE registrations SET clock_started_at = now(), ends_at = now() + interval '1 hour'")
    assert (await grace.try_to_book(10, begins=HOUR)).status_code == 409
    await grace.book(10, begins=2 * HOUR)
    refused = await api.http.post(f"/api/v1/registrations/{token}/extend")
    assert (refused.status_code, refused.json()["type"]) == (409, "extension-refused")


@pytest.mark.parametrize(
    ("begins", "length", "field"),
    [(-HOUR, 2 * HOUR, "starts_at"), (HOUR, timedelta(), "ends_at"), (HOUR, timedelta(days=6), "ends_at")],
)
async def test_times_that_make_no_class_are_named(
    grace: Teacher, begins: timedelta, length: timedelta, field: str
) -> None:
    refused = await grace.try_to_book(1, begins, length)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field


async def test_an_instructor_sees_his_own_and_who_runs_the_platform_all(api: Api, grace: Teacher) -> None:
    taught = await grace.book(2)
    other = await Teacher.of(api, {"username": "alan", "password": "another horse battery"})
    assert (await other.done("GET"))["items"] == []
    for method, path in (
        ("GET", ""), ("PATCH", ""), ("POST", "/open"), ("POST", "/end"), ("GET", "/participants"),
        ("GET", "/invitations"), ("POST", "/participants/1/help-done"),
    ):  # fmt: skip
        body = {"json": {"title": "x"}} if method == "PATCH" else {}
        assert (await other.call(method, f"/{taught['id']}{path}", **body)).status_code == 404, path
    assert (await other.roster(taught["id"], "a@example.org")).status_code == 404
    speaker = {"json": {"terms_version": "1"}}
    assert (await other.call("POST", f"/{taught['id']}/speaker", **speaker)).status_code == 404
    operator = Teacher(api, await api.login(ADMIN))
    assert [row["id"] for row in (await operator.done("GET"))["items"]] == [taught["id"]]
    assert (await api.http.get("/api/v1/classes")).status_code == 401
    for path in ("registrations", "students", "audit", "commands", "mails", "statistics", "locations", "accounts"):
        answer = await api.http.get(f"/api/v1/{path}", headers=grace.headers)
        assert answer.status_code == 403, path


async def test_a_class_ends_with_everybody_in_it_and_its_seats_are_free_again(
    api: Api, agent: AgentDouble, grace: Teacher
) -> None:
    taught = await grace.book(6, begins=timedelta(minutes=5))
    await api.register(join_code=taught["code"])
    await agent.finish("CREATE", password="secret")
    ended = await grace.done("POST", f"/{taught['id']}/end")
    assert (ended["state"], ended["end_reason"]) == ("ended", "instructor")
    assert await api.rows("SELECT state, end_reason FROM registrations") == [("ended", "class")]
    assert await api.value("SELECT recipient FROM mails WHERE template LIKE 'class-%'") == "grace@example.org"
    await agent.finish("CLEANUP", completion=50)
    await agent.finish("PURGE")
    assert await room(api) == 10
    again = await grace.call("POST", f"/{taught['id']}/end")
    assert again.status_code == 409
    acts = await api.rows("SELECT action FROM audit WHERE object_type = 'class' ORDER BY id")
    assert acts == [("class.create",), ("class.end",)]


async def sent(api: Api, settings: Settings) -> list[EmailMessage]:
    mailbox, port = Mailbox(), free_port()
    with listening(mailbox, port):
        await Post(api, settings, port).send_all()
    return mailbox.messages


async def test_its_time_ends_it(api: Api, grace: Teacher, settings: Settings) -> None:
    taught = await grace.book(6, begins=timedelta(minutes=5))
    await pass_time(api, 2 * HOUR)
    assert (await grace.shown(taught["id"]))["state"] == "ended"
    await swept(api)
    assert await api.rows("SELECT end_reason, ended_at IS NOT NULL FROM classes") == [("time", True)]
    assert await api.rows("SELECT template, recipient FROM mails") == [("class-ended", "grace@example.org")]
    [mail] = await sent(api, settings)
    assert "0 of 6 seats" in text_of(mail)


async def test_classes_are_counted(api: Api, grace: Teacher) -> None:
    taught = await grace.book(6, begins=timedelta(minutes=5))
    cancelled = await grace.book(1, begins=timedelta(minutes=5))
    await grace.done("POST", f"/{cancelled['id']}/end")
    for name in ("ada", "bea"):
        token = (await api.register(f"{name}@example.org", join_code=taught["code"])).json()["token"]
    await api.http.post(f"/api/v1/registrations/{token}/help", json={"wanted": True})
    await api.change("UPDATE registrations SET first_login_at = now() WHERE email = 'ada@example.org'")
    await pass_time(api, timedelta(minutes=6))
    figures = await api.http.get("/api/v1/statistics", headers=await api.login(ADMIN))
    assert figures.json()["classes"] == {"taught": 1, "cancelled": 1, "seats": 6, "joined": 2, "took_part": 1}
    gauges = (await api.http.get("/metrics")).text
    for line in (
        'wod_class_seats{state="booked"} 6.0',
        'wod_class_seats{state="held"} 2.0',
        "wod_class_help_wanted 1.0",
    ):
        assert line in gauges


async def test_a_later_end_extends_every_lab(api: Api, agent: AgentDouble, grace: Teacher) -> None:
    taught = await grace.book(2, begins=timedelta(minutes=5))
    token = (await api.register(join_code=taught["code"])).json()["token"]
    await agent.finish("CREATE", password="secret")
    shown = (await api.http.get(f"/api/v1/registrations/{token}")).json()
    assert (shown["ends_at"], shown["extension_seconds"]) == (taught["ends_at"], None)
    later = (await grace.done("PATCH", f"/{taught['id']}", json={"ends_at": _later(taught, HOUR)}))["ends_at"]
    assert later > taught["ends_at"]
    shown = (await api.http.get(f"/api/v1/registrations/{token}")).json()
    assert shown["ends_at"] == later
    assert await api.value("SELECT count(*) FROM registration_events WHERE type = 'extended'") == 1


def _later(taught: dict[str, str], by: timedelta) -> str:
    return (datetime.fromisoformat(taught["ends_at"]) + by).isoformat()

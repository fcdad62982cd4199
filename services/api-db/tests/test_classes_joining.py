"""Taking part: codes, help, the speaker's seat, and what is written to whom."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import httpx
import pytest
from api_support import ADMIN, AgentDouble, Api
from classes_support import HOUR, Teacher, pass_time, room, widen
from icalendar import Calendar, Event
from mail_support import Mailbox, Post, listening, text_of

from wod_api_db.app import create_app
from wod_api_db.classes import codes
from wod_api_db.persons.retention import retire
from wod_api_db.settings import Settings
from wod_demo.ports import free_port

SOON = timedelta(minutes=5)


@pytest.fixture
async def grace(api: Api) -> Teacher:
    await widen(api, 10)
    return await Teacher.of(api)


def test_a_code_is_read_however_it_is_typed() -> None:
    code = codes.new_code()
    for typed in (code, code.lower(), codes.written(code), f" {codes.written(code).lower()} "):
        assert codes.read(typed) == code
    for wrong in ("", code[:-1], code + "A", "0" * 8, "é" * 8, "A" * 40):
        assert codes.read(wrong) is None
    assert len({codes.new_code() for _ in range(1000)}) == 1000


async def test_a_code_shows_its_class_and_lets_in_between_the_doors_and_the_end(api: Api, grace: Teacher) -> None:
    taught = await grace.book(2, 2 * HOUR, title="At the summit")
    shown = await api.http.get(f"/api/v1/join/{taught['code'].lower()}")
    assert (shown.json()["title"], shown.json()["state"], shown.json()["left"]) == ("At the summit", "booked", 2)
    early = await api.register(join_code=taught["code"])
    assert (early.status_code, early.json()["type"]) == (409, "class-not-open")
    assert taught["opens_at"][:16] in early.json()["detail"]
    await pass_time(api, 2 * HOUR)
    joined = await api.register(join_code=f" {taught['code'].lower()} ")
    assert (joined.status_code, joined.json()["class_id"]) == (201, taught["id"])
    await pass_time(api, 2 * HOUR)
    late = await api.register("late@example.org", join_code=taught["code"])
    assert late.json()["type"] == "class-not-open"
    assert "over" in late.json()["detail"]


async def test_a_leaked_code_is_replaced_and_lets_nobody_in_any_more(api: Api, grace: Teacher) -> None:
    taught = await grace.book(2, SOON)
    await grace.roster(taught["id"], "email,name\nbea@example.org,Bea\n")
    inside = await api.register(join_code=taught["code"])
    renewed = await grace.done("POST", f"/{taught['id']}/code")
    refused = await api.register("mallory@example.org", join_code=taught["code"])
    assert (refused.status_code, refused.json()["type"]) == (404, "class-unknown")
    assert (await api.http.get(f"/api/v1/join/{taught['code']}")).status_code == 404
    assert (await api.register("bea@example.org", join_code=renewed["code"])).status_code == 201
    assert (await api.http.get(f"/api/v1/registrations/{inside.json()['token']}")).json()["state"] == "registered"
    invitations = "SELECT data ->> 'revision' FROM mails WHERE template = 'invitation' ORDER BY created_at"
    assert await api.rows(invitations) == [("0",), ("1",)]
    [(who, data)] = await api.rows("SELECT username, data FROM audit WHERE action = 'class.code'")
    assert (who, "code" in str(data)) == ("grace", False)


async def test_whose_class_it_is_not_replaces_no_code_nor_where_it_is_over(api: Api, grace: Teacher) -> None:
    taught = await grace.book(2, SOON)
    other = await Teacher.of(api, {"username": "heidi", "password": "correct horse battery"})
    assert (await other.call("POST", f"/{taught['id']}/code")).status_code == 404
    await grace.done("POST", f"/{taught['id']}/end")
    assert (await grace.call("POST", f"/{taught['id']}/code")).status_code == 409


async def test_a_wrong_code_joins_nothing_and_is_no_public_registration(api: Api) -> None:
    for code in ("AAAA-AAAA", "nonsense", ""):
        refused = await api.register(join_code=code)
        assert (refused.status_code, refused.json()["type"]) == (404, "class-unknown")
    assert await api.value("SELECT count(*) FROM registrations") == 0


async def test_a_code_is_for_its_own_workshop(api: Api, grace: Teacher) -> None:
    taught = await grace.book(2, SOON)
    await api.change(
        "INSERT INTO workshops SELECT (jsonb_populate_record(w, jsonb_build_object('id', 99, 'notebook', 'WKSHP-Other'))).*"
        " FROM workshops w WHERE id = 1"
    )
    assert (await api.register(workshop="WKSHP-Other", join_code=taught["code"])).json()["type"] == "class-unknown"


@pytest.fixture
async def strict(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Three wrong codes a minute."""
    app = create_app(settings.model_copy(update={"wrong_codes_per_minute": 3}))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 4711))
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://api.test"))


async def test_guessing_is_stopped_and_a_room_of_people_with_the_code_is_not(
    strict: httpx.AsyncClient, grace: Teacher
) -> None:
    code = (await grace.book(2, SOON))["code"]
    right = [(await strict.get(f"/api/v1/join/{code}")).status_code for _ in range(10)]
    assert right == [200] * 10
    wrong = [(await strict.get("/api/v1/join/AAAA-AAAA")).status_code for _ in range(4)]
    assert wrong == [404, 404, 404, 429]
    form = {"workshop": "WKSHP-API101", "name": "Ada", "email": "a@example.org", "terms_version": "1"}
    refused = await strict.post("/api/v1/registrations", json=form | {"join_code": "AAAA-AAAA"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert (await strict.post("/api/v1/registrations", json=form)).status_code == 201, "the public is not hindered"


async def test_help_is_asked_for_seen_first_and_given(api: Api, agent: AgentDouble, grace: Teacher) -> None:
    taught = await grace.book(3, SOON)
    tokens = [(await api.register(f"{name}@example.org", join_code=taught["code"])).json() for name in ("ada", "bea")]
    path = f"/api/v1/registrations/{tokens[1]['token']}/help"
    first = (await api.http.post(path, json={"wanted": True})).json()["help_wanted_at"]
    assert (await api.http.post(path, json={"wanted": True})).json()["help_wanted_at"] == first
    listed = (await grace.done("GET", f"/{taught['id']}/participants"))["items"]
    assert [(row["email"], row["help_wanted_at"]) for row in listed] == [
        ("bea@example.org", first),
        ("ada@example.org", None),
    ]
    assert (await grace.shown(taught["id"]))["help_wanted"] == 1
    done = f"/{taught['id']}/participants/{tokens[1]['id']}/help-done"
    await grace.done("POST", done)
    await grace.done("POST", done)
    assert (await grace.shown(taught["id"]))["help_wanted"] == 0
    await api.http.post(path, json={"wanted": True})
    assert (await api.http.post(path, json={"wanted": False})).json()["help_wanted_at"] is None
    told = await api.rows("SELECT type, data->>'by' FROM registration_events WHERE type LIKE 'help%' ORDER BY id")
    assert told == [("help-wanted", None), ("help-done", "instructor"), ("help-wanted", None), ("help-done", "person")]
    assert await api.value("SELECT count(*) FROM audit WHERE action = 'class.help-done'") == 1
    assert (await grace.call("POST", f"/{taught['id']}/participants/4711/help-done")).status_code == 404


async def test_a_public_session_has_nobody_to_ask(api: Api) -> None:
    token = (await api.register()).json()["token"]
    refused = await api.http.post(f"/api/v1/registrations/{token}/help", json={"wanted": True})
    assert (refused.status_code, refused.json()["type"]) == (409, "help-refused")


@pytest.mark.parametrize("apart", [False, True])
async def test_the_last_seat_waits_for_whoever_speaks(api: Api, grace: Teacher, apart: bool) -> None:
    await api.change("UPDATE placements SET speaker_seat = :apart", apart=apart)
    taught = await grace.book(5, SOON, speaker_seat=True)
    left = 4
    assert await room(api) == left
    for number in range(left):
        answer = await api.register(f"q{number}@example.org")
        assert answer.json()["username"] != "student10"
    for number in range(5):
        answer = await api.register(f"p{number}@example.org", join_code=taught["code"])
        assert answer.json()["username"] != "student10"
    terms = {"terms_version": "1"}
    made = await grace.done("POST", f"/{taught['id']}/speaker", json=terms)
    assert made["username"] == "student10"
    again = await grace.call("POST", f"/{taught['id']}/speaker", json=terms)
    assert again.status_code == 409
    listed = (await grace.done("GET", f"/{taught['id']}/participants"))["items"]
    assert [row["username"] for row in listed if row["speaks"]] == ["student10"]
    assert (await grace.shown(taught["id"]))["joined"] == 5
    assert await room(api) == 0


async def test_the_doors_are_opened_by_hand(api: Api, grace: Teacher) -> None:
    taught = await grace.book(2, 5 * HOUR)
    assert (await api.register(join_code=taught["code"])).status_code == 409
    opened = await grace.done("POST", f"/{taught['id']}/open")
    assert opened["state"] == "open"
    assert (await api.register(join_code=taught["code"])).status_code == 201
    await grace.done("POST", f"/{taught['id']}/open")
    full = await grace.book(10, 20 * HOUR)
    assert (await grace.call("POST", f"/{full['id']}/open")).json()["type"] == "class-does-not-fit"


async def test_fewer_seats_give_the_others_back(api: Api, grace: Teacher) -> None:
    taught = await grace.book(8, SOON)
    assert await room(api) == 2
    await grace.done("PATCH", f"/{taught['id']}", json={"seats": 3})
    assert await room(api) == 7
    await api.register()
    assert (await grace.call("PATCH", f"/{taught['id']}", json={"seats": 10})).json()["type"] == "class-does-not-fit"
    assert (await grace.call("PATCH", f"/{taught['id']}", json={"seats": None})).status_code == 422


async def test_who_is_invited_gets_a_calendar_file_and_hears_of_what_changes(
    api: Api, grace: Teacher, settings: Settings
) -> None:
    mailbox, port = Mailbox(), free_port()
    post = Post(api, settings, port)
    taught = await grace.book(2, 30 * HOUR, title="API 101\u3000at the summit; BEGIN:VALARM")
    await grace.roster(taught["id"], "email,name\nada@example.org,=cmd()|Ada\n")
    with listening(mailbox, port):
        await post.send_all()
        later = (datetime.fromisoformat(taught["starts_at"]) + HOUR).isoformat()
        moved = {"starts_at": later, "ends_at": (datetime.fromisoformat(taught["ends_at"]) + HOUR).isoformat()}
        await grace.done("PATCH", f"/{taught['id']}", json=moved)
        await post.send_all()
        await grace.done("POST", f"/{taught['id']}/end")
        await post.send_all()
    first, second, third = mailbox.messages
    assert taught["code"] in text_of(first)
    assert taught["join_url"] in text_of(first)
    assert second["Subject"].startswith("Changed: ")
    assert third["Subject"].startswith("Cancelled: ")
    events = []
    for mail in (first, second, third):
        [part] = mail.iter_attachments()
        calendar = Calendar.from_ical(part.get_content())
        [event] = calendar.walk("VEVENT")
        assert isinstance(event, Event)
        events.append((str(calendar["METHOD"]), event["UID"], event["SEQUENCE"], event.start, event["STATUS"]))
        assert event.walk("VALARM") == []
    uid, start = events[0][1], datetime.fromisoformat(taught["starts_at"])
    assert events == [
        ("PUBLISH", uid, 0, start, "CONFIRMED"),
        ("PUBLISH", uid, 1, start + HOUR, "CONFIRMED"),
        ("CANCEL", uid, 2, start + HOUR, "CANCELLED"),
    ]


async def test_an_invitation_that_has_not_left_gives_way_to_the_newer_one(
    api: Api, grace: Teacher, settings: Settings
) -> None:
    mailbox, port = Mailbox(), free_port()
    taught = await grace.book(2, 30 * HOUR)
    await grace.roster(taught["id"], "ada@example.org")
    await grace.done("PATCH", f"/{taught['id']}", json={"title": "Another title"})
    with listening(mailbox, port):
        await Post(api, settings, port).send_all()
    assert [mail["Subject"].startswith("Changed: Another title") for mail in mailbox.messages] == [True]
    assert sorted(await api.rows("SELECT state FROM mails")) == [("sent",), ("withheld",)]


async def test_who_is_on_a_roster_is_shown_it_and_forgotten_when_he_asks_or_when_it_is_old(
    api: Api, grace: Teacher, settings: Settings
) -> None:
    taught = await grace.book(3)
    await grace.roster(taught["id"], "ada@example.org,Ada\nbea@example.org,Bea")
    operator, ada = await api.login(ADMIN), {"email": "ADA@example.org"}
    held = (await api.http.post("/api/v1/persons/export", json=ada, headers=operator)).json()["invitations"]
    assert [(row["name"], row["instructor"]) for row in held] == [("Ada", "grace")]
    assert (await api.http.post("/api/v1/persons/erase", json=ada, headers=operator)).is_success
    assert await api.rows("SELECT email FROM class_invitations") == [("bea@example.org",)]
    assert sorted(await api.rows("SELECT recipient, state FROM mails")) == [
        ("", "withheld"),
        ("bea@example.org", "queued"),
    ]
    await retire(api.sessions, settings)
    assert await api.value("SELECT count(*) FROM class_invitations") == 1
    await api.change("UPDATE classes SET ended_at = now() - interval '366 days'")
    await retire(api.sessions, settings)
    assert await api.value("SELECT count(*) FROM class_invitations") == 0
    assert await api.rows("SELECT 1 FROM mails WHERE recipient <> ''") == []

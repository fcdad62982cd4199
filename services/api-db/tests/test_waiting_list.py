"""Who finds no room waits for it: the line, its offers, and what becomes of them."""

from datetime import datetime, timedelta

import pytest
from api_support import ADMIN, AgentDouble, Api
from waiting_support import end_of, join, mails_to, post, room_for, shown, states, take_every_seat

from wod_api_db.registrations.following import story
from wod_api_db.sweep import sweep

ADA, BEA, CY = "ada@example.org", "bea@example.org", "cy@example.org"
PATH = "/api/v1/workshops/WKSHP-API101"


@pytest.fixture
async def full(api: Api) -> Api:
    await take_every_seat(api)
    return api


async def test_a_full_workshop_says_how_to_join_its_line(full: Api) -> None:
    refused = await full.register(ADA)
    assert (refused.status_code, refused.json()["type"]) == (409, "workshop-full")
    assert '"wait": true' in refused.json()["detail"]


async def test_who_asks_to_wait_and_finds_room_is_registered(api: Api) -> None:
    assert (await api.register(ADA, wait=True)).json()["state"] == "registered"


async def test_a_wait_has_a_place_and_a_mail_and_no_seat(full: Api) -> None:
    first, second = await join(full, ADA), await join(full, BEA)
    line = (await shown(full, second["token"]))["line"]
    assert (line["place"], line["length"], line["moved_at"], line["waited_seconds"]) == (2, 2, None, None)
    assert (second["username"], second["location"], second["lab_url"]) == ("", "", "")
    assert await mails_to(full, BEA) == ["waiting"]
    assert (await full.http.get(PATH)).json()["waiting"] == 2
    assert await full.value("SELECT count(*) FROM commands") == 1
    await post(full, first["token"], "end")
    assert (await shown(full, second["token"]))["line"]["place"] == 1


async def test_a_freed_seat_is_offered_to_the_first_and_taken_with_one_call(api: Api, agent: AgentDouble) -> None:
    await api.change("UPDATE placements SET capacity = 1")
    holder = (await api.register("holder@example.org")).json()["token"]
    ada, bea = (await join(api, ADA))["token"], (await join(api, BEA))["token"]
    await agent.finish("CREATE", password="secret")
    await end_of(api, agent, holder)
    await api.change("UPDATE registrations SET waiting_since = waiting_since - interval '20 minutes'")
    await sweep(api.sessions, "worker")
    offered = await shown(api, ada)
    ends_at = datetime.fromisoformat(offered["line"]["offer_ends_at"])
    since = await api.value("SELECT offered_at FROM registrations WHERE email = :email", email=ADA)
    assert (offered["state"], offered["line"]["place"], ends_at - since) == ("offered", None, timedelta(minutes=15))
    assert (await api.http.get(PATH)).json()["room"] == 0
    line = (await shown(api, bea))["line"]
    assert line["place"] == 1
    assert line["waited_seconds"] >= 1200
    assert line["moved_at"] is not None

    taken = (await post(api, ada, "take")).json()
    assert (taken["state"], taken["username"], taken["line"]) == ("registered", "student1", None)
    assert await mails_to(api, ADA) == ["waiting", "offer", "welcome"]
    await agent.finish("CREATE", password="secret")
    assert (await shown(api, ada))["state"] == "running"


async def test_nobody_overtakes_the_line(full: Api) -> None:
    await join(full, ADA)
    await full.change("UPDATE placements SET capacity = 3")
    assert (await full.http.get(PATH)).json()["room"] == 0
    assert (await full.register(BEA)).json()["type"] == "workshop-full"
    await sweep(full.sessions, "worker")
    assert (await full.register(BEA)).status_code == 201  # one is kept for Ada, one is left
    assert (await full.register(CY)).status_code == 409


async def test_an_offer_without_an_answer_passes_on(full: Api) -> None:
    ada, bea = (await join(full, ADA))["token"], (await join(full, BEA))["token"]
    await room_for(full, 1)
    await full.change("UPDATE mails SET state = 'sent', sent_at = now()")
    await full.change("UPDATE registrations SET offer_ends_at = now() WHERE state = 'offered'")
    late = await post(full, ada, "take")
    assert (late.status_code, late.json()["type"]) == (409, "offer-gone")
    await sweep(full.sessions, "worker")
    assert await states(full) == {"ada": "cancelled", "bea": "offered"}
    assert (await mails_to(full, ADA))[-1] == "offer-lapsed"
    assert (await post(full, ada, "take")).json()["type"] == "offer-gone"
    assert (await shown(full, ada))["cleaned"]
    assert (await post(full, bea, "take")).status_code == 200
    assert await states(full) == {"ada": "cancelled", "bea": "registered"}


async def test_who_could_not_be_told_keeps_his_place(full: Api) -> None:
    ada = (await join(full, ADA))["token"]
    await join(full, BEA)
    await room_for(full, 1)
    await full.change("UPDATE registrations SET offer_ends_at = now() WHERE state = 'offered'")
    await sweep(full.sessions, "worker")
    assert await states(full) == {"ada": "offered", "bea": "waiting"}
    assert await full.value("SELECT count(*) FROM mails WHERE template = 'offer'") == 2
    assert (await shown(full, ada))["line"]["offer_ends_at"] is not None


@pytest.mark.parametrize("offered", [False, True])
async def test_the_line_can_be_left(full: Api, offered: bool) -> None:
    token = (await join(full, ADA))["token"]
    await join(full, BEA)
    await room_for(full, int(offered))
    left = (await post(full, token, "end")).json()
    assert (left["state"], left["cleaned"], left["line"]) == ("cancelled", True, None)
    await room_for(full, 1)
    assert await states(full) == {"ada": "cancelled", "bea": "offered"}
    events = [event async for event in story(full.sessions, full.app.state.notifications, left["id"], 0)]
    assert events[-1].type == "cancelled"
    assert (await join(full, ADA))["state"] == "waiting"


@pytest.mark.parametrize(
    ("shut", "opened"),
    [
        ("INSERT INTO pauses (text, created_by) VALUES ('Back at ten.', 'test')", "DELETE FROM pauses"),
        (
            "INSERT INTO pauses (location_id, text, created_by) VALUES (1, 'Back at ten.', 'test')",
            "DELETE FROM pauses",
        ),
        ("UPDATE locations SET drained_at = now()", "UPDATE locations SET drained_at = NULL"),
        ("UPDATE placements SET closed_at = now()", "UPDATE placements SET closed_at = NULL"),
        ("UPDATE workshops SET active = false", "UPDATE workshops SET active = true"),
        ("UPDATE workshops SET retired_at = now()", "UPDATE workshops SET retired_at = NULL"),
    ],
)
async def test_who_lets_nobody_in_offers_nothing_and_takes_offers_back(full: Api, shut: str, opened: str) -> None:
    token = (await join(full, ADA))["token"]
    await room_for(full, 1)
    await full.change("UPDATE mails SET state = 'sent', sent_at = now()")
    await full.change(shut)
    assert (await post(full, token, "take")).json()["type"] == "offer-gone"
    await sweep(full.sessions, "worker")
    await sweep(full.sessions, "worker")
    assert await states(full) == {"ada": "waiting"}
    assert (await mails_to(full, ADA))[-1] == "offer-withdrawn"
    await full.change(opened)
    await sweep(full.sessions, "worker")
    assert (await post(full, token, "take")).status_code == 200


async def test_of_too_many_offers_the_earlier_ones_stay(full: Api) -> None:
    ada = (await join(full, ADA))["token"]
    await join(full, BEA)
    await room_for(full, 1)
    await room_for(full, 2)
    assert await states(full) == {"ada": "offered", "bea": "offered"}
    await full.change("UPDATE placements SET capacity = 2")
    await sweep(full.sessions, "worker")
    assert await states(full) == {"ada": "offered", "bea": "waiting"}
    assert (await post(full, ada, "take")).status_code == 200


async def test_one_waits_once_for_a_workshop_and_may_wait_for_another(full: Api) -> None:
    await join(full, ADA)
    again = await full.register(ADA, wait=True)
    assert (again.status_code, again.json()["type"]) == (409, "already-registered")
    assert await mails_to(full, ADA) == ["waiting", "waiting"]
    held = await full.register("holder@example.org", wait=True)
    assert held.json()["type"] == "already-registered"


async def test_who_has_another_session_is_told_to_end_it_first(full: Api) -> None:
    token = (await join(full, ADA))["token"]
    await room_for(full, 1)
    await full.change("UPDATE registrations SET email_key = :email WHERE email = 'holder@example.org'", email=ADA)
    refused = await post(full, token, "take")
    assert (refused.status_code, refused.json()["type"]) == (409, "already-registered")
    assert "end that one first" in refused.json()["detail"]
    assert await states(full) == {"ada": "offered"}


async def test_a_wait_that_takes_too_long_is_ended_and_told(full: Api) -> None:
    await join(full, ADA)
    await full.change("UPDATE registrations SET wait_ends_at = now() WHERE state = 'waiting'")
    await sweep(full.sessions, "worker")
    assert await full.rows("SELECT end_reason FROM registrations WHERE email = :email", email=ADA) == [("time",)]
    assert (await mails_to(full, ADA))[-1] == "wait-over"


async def test_the_line_of_a_workshop_that_is_gone_is_ended(full: Api) -> None:
    await join(full, ADA)
    await full.change("UPDATE workshops SET retired_at = now() - interval '30 minutes'")
    await sweep(full.sessions, "worker")
    assert await states(full) == {"ada": "waiting"}
    await full.change("UPDATE workshops SET retired_at = now() - interval '61 minutes'")
    await sweep(full.sessions, "worker")
    assert await full.rows("SELECT state, end_reason FROM registrations WHERE email = :e", e=ADA) == [
        ("cancelled", "retired")
    ]


async def test_an_operator_ends_a_wait_and_it_is_audited(full: Api) -> None:
    identity = (await join(full, ADA))["id"]
    headers = await full.login(ADMIN)
    path = f"/api/v1/registrations/by-id/{identity}"
    listed = (await full.http.get("/api/v1/registrations?state=waiting", headers=headers)).json()["items"]
    assert [(row["id"], row["location"], row["student"]) for row in listed] == [(identity, "", "")]
    assert listed[0]["waiting_since"] is not None
    ended = await full.http.post(f"{path}/end", json={"reason": "asked for by mail"}, headers=headers)
    assert ended.json()["state"] == "cancelled"
    assert (await mails_to(full, ADA))[-1] == "wait-over"
    assert await full.value("SELECT object_id FROM audit WHERE action = 'registration.end'") == str(identity)


async def test_a_mistyped_address_is_corrected_in_line_too(full: Api) -> None:
    joined = await join(full, "adda@example.org")
    body = {"email": ADA, "browser_key": joined["browser_key"]}
    corrected = await full.http.post(f"/api/v1/registrations/{joined['token']}/address", json=body)
    assert corrected.json()["line"]["place"] == 1
    assert await mails_to(full, ADA) == ["waiting"]


async def test_nobody_stays_longer_while_others_wait(api: Api, agent: AgentDouble) -> None:
    await api.change("UPDATE placements SET capacity = 1")
    token = (await api.register("holder@example.org")).json()["token"]
    await agent.finish("CREATE", password="secret")
    await api.change("UPDATE registrations SET clock_started_at = now(), ends_at = now() + duration")
    await join(api, ADA)
    await api.change("UPDATE placements SET capacity = 3")
    assert (await post(api, token, "extend")).json()["type"] == "extension-refused"
    await sweep(api.sessions, "worker")
    assert (await post(api, token, "extend")).status_code == 200

"""What operators do: each act asked about, done, told, and found in the rows and in the audit."""

import pytest
from api_support import AgentDouble, Api
from services.frontend.tests.console.console_kit import Visit, audited, running

from wod_frontend.console.acts import Act
from wod_frontend.console.offered_acts import ACTS


async def test_a_session_is_ended_after_a_question_that_says_what_is_lost(
    moderator: Visit, api: Api, agent: AgentDouble
) -> None:
    number = await running(api, agent, "ending@example.org")
    question = await moderator.see(f"/console/acts/end?id={number}")
    assert "ending@example.org" in question
    assert "cannot be undone" in question
    assert await api.value("SELECT state FROM registrations WHERE id = :i", i=number) == "running"
    answer = await moderator.act("end", number, reason="asked at the desk")
    assert answer.status_code == 303
    assert "The session is ended" in await moderator.see(answer.headers["location"])
    assert await api.value("SELECT state FROM registrations WHERE id = :i", i=number) == "ended"
    assert await audited(api, "registration.end", number) == [("mo", {"reason": "asked at the desk"})]
    assert "asked at the desk" in await moderator.see(f"/console/registrations/{number}")
    assert f"registration {number}" in await moderator.see("/console/audit?q=registration.end")


async def test_a_session_gets_more_time_beyond_the_workshops_own_rule(
    moderator: Visit, api: Api, agent: AgentDouble
) -> None:
    number = await running(api, agent, "longer@example.org")
    before = await api.value("SELECT ends_at FROM registrations WHERE id = :i", i=number)
    await api.change("UPDATE registrations SET extensions = 5 WHERE id = :i", i=number)
    answer = await moderator.act("extend", number, minutes="45", reason="the network was down")
    assert answer.status_code == 303, answer.text
    after = await api.value("SELECT ends_at FROM registrations WHERE id = :i", i=number)
    assert (after - before).total_seconds() == 45 * 60
    assert await audited(api, "registration.extend", number) == [
        ("mo", {"minutes": 45, "reason": "the network was down"})
    ]


async def test_what_was_typed_wrong_is_told_beside_its_field_and_kept(
    moderator: Visit, api: Api, agent: AgentDouble
) -> None:
    number = await running(api, agent, "typo@example.org")
    answer = await moderator.act("extend", number, minutes="100000", reason="kept <words>")
    assert answer.status_code == 422
    assert 'id="minutes-error"' in answer.text
    assert "kept &lt;words&gt;" in answer.text


async def test_several_are_done_at_once_and_each_is_told_of(moderator: Visit, api: Api, agent: AgentDouble) -> None:
    numbers = [await running(api, agent, f"bulk{number}@example.org") for number in range(3)]
    await moderator.act("end", numbers[2], reason="before")
    question = await moderator.see("/console/acts/end?" + "&".join(f"id={number}" for number in numbers))
    assert "stays as it is" in question
    answer = await moderator.act("end", *numbers, reason="the room is needed")
    assert answer.status_code == 200
    assert "2 of 2 done" in answer.text
    states = await api.rows("SELECT state FROM registrations WHERE email LIKE 'bulk%'")
    assert [state for (state,) in states] == ["ended"] * 3
    for number in numbers[:2]:
        assert [data for _, data in await audited(api, "registration.end", number)] == [
            {"reason": "the room is needed"}
        ]


async def test_a_failed_mail_is_sent_again(moderator: Visit, api: Api, agent: AgentDouble) -> None:
    number = await running(api, agent, "again@example.org")
    mail = await api.value("SELECT id FROM mails WHERE registration_id = :i AND template = 'credentials'", i=number)
    await api.change("UPDATE mails SET state = 'failed', error = '550 no such user' WHERE id = :i", i=mail)
    assert f"/console/acts/resend?id={mail}" in await moderator.see(f"/console/registrations/{number}")
    answer = await moderator.act("resend", mail)
    assert answer.status_code == 303
    assert await api.value("SELECT state FROM mails WHERE id = :i", i=mail) == "queued"
    assert [who for who, _ in await audited(api, "mail.resend", mail)] == ["mo"]


async def test_a_command_is_sent_at_once_and_a_broken_seat_cleaned(moderator: Visit, api: Api) -> None:
    made = (await api.register("command@example.org")).json()["id"]
    [(command, seat)] = await api.rows("SELECT id, student_id FROM commands WHERE registration_id = :i", i=made)
    assert (await moderator.act("retry", command)).status_code == 303
    assert [who for who, _ in await audited(api, "command.retry", command)] == ["mo"]
    await moderator.act("end", made, reason="the seat is needed")
    await api.change("UPDATE commands SET state = 'failed' WHERE registration_id = :i", i=made)
    await api.change("UPDATE students SET state = 'broken' WHERE id = :i", i=seat)
    assert (await moderator.act("clean", seat)).status_code == 303
    assert await api.value("SELECT state FROM students WHERE id = :i", i=seat) == "cleaning"
    assert [who for who, _ in await audited(api, "student.clean", seat)] == ["mo"]


async def test_a_location_is_drained_and_opened_again(admin: Visit, api: Api) -> None:
    assert (await admin.act("drain", 1)).headers["location"] == "/console/locations/1?done=drain"
    assert await api.value("SELECT drained_at IS NOT NULL FROM locations WHERE id = 1")
    assert "takes nobody new" in await admin.see("/console/locations/1")
    assert (await admin.act("undrain", 1)).status_code == 303
    assert not await api.value("SELECT drained_at IS NOT NULL FROM locations WHERE id = 1")
    assert [who for who, _ in await audited(api, "location.drain", 1)] == ["operator"]


async def test_capacity_is_changed_and_a_workshop_closed_and_opened(admin: Visit, api: Api) -> None:
    place = "WKSHP-API101@1"
    question = await admin.see(f"/console/acts/capacity?id={place}")
    assert 'name="capacity" type="number" value="30"' in question
    answer = await admin.act("capacity", place, first="1", last="30", capacity="29", rank="0", ready_minimum="0")
    assert answer.status_code == 303, answer.text
    assert await api.value("SELECT capacity FROM placements") == 29
    assert (await admin.act("close", place)).status_code == 303
    assert await api.value("SELECT closed_at IS NOT NULL FROM placements")
    assert (await admin.act("open", place)).status_code == 303
    assert not await api.value("SELECT closed_at IS NOT NULL FROM placements")
    refused = await admin.act("capacity", place, first="1", last="99", capacity="29", rank="0", ready_minimum="0")
    assert refused.status_code in {409, 422}
    assert 'role="alert"' in refused.text or "-error" in refused.text


async def test_a_pause_is_put_shown_where_it_belongs_and_taken_away(admin: Visit, stranger: Visit, api: Api) -> None:
    answer = await admin.send(
        "/console/acts/pause", text="Back at two, after <b>lunch</b>.", location="", workshop="WKSHP-API101"
    )
    assert answer.headers["location"] == "/console/pauses?done=pause", answer.text
    for visit, page in ((admin, "/console"), (admin, "/console/pauses"), (stranger, "/workshops/WKSHP-API101")):
        assert "Back at two, after &lt;b&gt;lunch&lt;/b&gt;." in await visit.see(page)
    assert (await admin.act("resume", "workshop=WKSHP-API101")).status_code == 303
    assert await api.value("SELECT count(*) FROM pauses") == 0


async def test_what_is_announced_reaches_the_sessions(
    admin: Visit, stranger: Visit, api: Api, agent: AgentDouble
) -> None:
    number = await running(api, agent, "hears@example.org")
    answer = await admin.send("/console/acts/announce", text="Lunch is served.", location="", workshop="")
    assert answer.status_code == 303
    assert "Lunch is served." in await admin.see("/console/announcements")
    told = await api.value(
        "SELECT data ->> 'text' FROM registration_events WHERE registration_id = :i AND type = 'announcement'", i=number
    )
    assert told == "Lunch is served."


async def test_an_account_is_made_changed_and_deleted_and_no_page_shows_its_password(
    admin: Visit, stranger: Visit, api: Api
) -> None:
    fields = {"username": "newcomer", "email": "n@example.org", "role": "moderator", "location_id": ""}
    short = await admin.send("/console/acts/new-account", **fields, password="short")
    assert short.status_code == 422
    assert "short" not in short.text.partition("<main")[2].replace("shorter", "")
    made = await admin.send("/console/acts/new-account", **fields, password="long enough for all")
    assert made.status_code == 303, made.text
    account = await api.value("SELECT id FROM accounts WHERE username = 'newcomer'")
    assert (await stranger.sign_in("newcomer", "long enough for all")).status_code == 303
    await stranger.see("/console")
    changed = await admin.act("change-account", account, email="n@example.org", role="admin", password="")
    assert changed.status_code == 303, changed.text
    # with another role the session is over
    assert (await stranger.http.get("/console")).headers["location"].endswith("ended=1")
    assert (await admin.act("delete-account", account)).status_code == 303
    assert await api.value("SELECT count(*) FROM accounts WHERE username = 'newcomer'") == 0


async def test_a_person_is_erased_by_an_admin_alone(
    admin: Visit, moderator: Visit, api: Api, agent: AgentDouble
) -> None:
    number = await running(api, agent, "forget@example.org", name="Forget Me")
    assert (await moderator.http.get(f"/console/acts/erase?id={number}")).status_code == 403
    answer = await admin.act("erase", number)
    assert answer.status_code == 303, answer.text
    assert await api.value("SELECT count(*) FROM registrations WHERE email = 'forget@example.org'") == 0


async def test_who_asks_by_letter_is_shown_and_erased_by_the_address(
    admin: Visit, moderator: Visit, api: Api, agent: AgentDouble
) -> None:
    await running(api, agent, "letter@example.org", name="Letter <Writer>")
    assert "/console/acts/export-person" in await admin.see("/console/registrations")
    assert "/console/acts/export-person" not in await moderator.see("/console/registrations")
    assert (await moderator.http.get("/console/acts/export-person")).status_code == 403
    shown = await admin.send("/console/acts/export-person", email="letter@example.org")
    assert shown.status_code == 200
    assert "Letter &lt;Writer&gt;" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    wrong = await admin.send("/console/acts/erase-person", email="no address")
    assert wrong.status_code == 422
    assert 'id="email-error"' in wrong.text
    assert (await admin.send("/console/acts/erase-person", email="letter@example.org")).status_code == 303
    assert await api.value("SELECT count(*) FROM registrations WHERE email = 'letter@example.org'") == 0
    told = await api.rows("SELECT action, data::text, object_id FROM audit WHERE object_type = 'person' ORDER BY id")
    assert [action for action, _, _ in told[-2:]] == ["person.export", "person.erase"]
    assert "letter@" not in str(told)


async def test_commands_go_another_way_and_the_token_is_never_shown(admin: Visit, api: Api) -> None:
    new = {"id": "9", "name": "Spare", "fqdn": "spare.test", "basestdid": "90000", "seats": "0"}
    gate = {"gate_host": "spare.test", "gate_port": "10025"}
    made = await admin.send("/console/acts/new-location", **new, **gate, hub_url="http://spare.test")
    assert made.status_code == 303, made.text
    way = {"transport": "rest", "agent_url": "http://spare.test:8030", "agent_token": "not-for-the-page"}
    assert (await admin.act("channel", 9, **gate, **way)).status_code == 303
    assert await api.value("SELECT transport FROM locations WHERE id = 9") == "rest"
    for page in ("/console/locations/9", "/console/acts/channel?id=9", "/console/audit"):
        assert "not-for-the-page" not in await admin.see(page)
    kept = await admin.act("channel", 9, **gate, **way | {"agent_token": ""})
    assert kept.status_code == 303, kept.text
    assert "REST, straight to the agent" in await admin.see("/console/locations/9")
    assert (await admin.act("remove-location", 9)).headers["location"] == "/console/locations?done=remove-location"
    assert await api.value("SELECT count(*) FROM locations WHERE id = 9") == 0
    refused = await admin.act("remove-location", 1)
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text


async def test_the_folders_are_compared_before_anything_changes(admin: Visit, api: Api) -> None:
    answer = await admin.send("/console/acts/sync", dry_run="yes")
    assert answer.status_code == 200
    assert "&#34;applied&#34;: false" in answer.text


@pytest.mark.parametrize("act", ACTS.values(), ids=lambda act: act.name)
async def test_every_act_that_destroys_says_what_is_lost_and_every_act_what_it_did(act: Act) -> None:
    assert act.question.endswith("?") or not act.on
    assert act.follows.endswith(".")
    assert act.done.endswith(".")

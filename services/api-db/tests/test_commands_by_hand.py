"""An operator sends verbs to seats."""

from typing import Any

import pytest
from api_support import ADMIN, AgentDouble, Api
from locations_support import Operator, running
from sqlalchemy import text

WORKSHOP = "WKSHP-API101"
ADA, BEA = "ada@example.org", "bea@example.org"


class Hand:
    """Sends for the one workshop."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    async def send(self, verb: str, **more: Any) -> list[tuple[int, str, str | None]]:
        order = {"verb": verb, "workshop": WORKSHOP} | more
        receipt = await self._operator.done("POST", "/commands", order)
        return [(seat["number"], seat["outcome"], seat["verb"]) for seat in receipt["seats"]]

    async def reasons(self, verb: str, **more: Any) -> list[str]:
        order = {"verb": verb, "workshop": WORKSHOP} | more
        return [seat["reason"] for seat in (await self._operator.done("POST", "/commands", order))["seats"]]

    async def refused(self, status: int, verb: str, **more: Any) -> str:
        order = {"verb": verb, "workshop": WORKSHOP} | more
        return await self._operator.refused(status, "POST", "/commands", order)


@pytest.fixture
async def hand(api: Api) -> Hand:
    return Hand(await Operator.of(api))


async def seat_states(api: Api) -> list[str]:
    return [row[0] for row in await api.rows("SELECT state FROM students WHERE number <= 3 ORDER BY number")]


async def given_back(api: Api, agent: AgentDouble, email: str) -> None:
    token = await running(api, agent, email)
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP", completion=10)
    await agent.finish("PURGE")


async def test_create_wants_a_person(hand: Hand) -> None:
    assert "POST /api/v1/registrations" in await hand.refused(409, "CREATE")


@pytest.mark.parametrize(("verb", "way_out"), [("PREPARE", "ready_minimum"), ("VERIFY", "/verify")])
async def test_verbs_with_a_road_of_their_own_say_which(hand: Hand, verb: str, way_out: str) -> None:
    assert way_out in await hand.refused(409, verb)


@pytest.mark.parametrize(
    ("state", "said"),
    [("ready", "ready_minimum"), ("preparing", "wait"), ("broken", "/clean"), ("cleaning", "cleaning")],
)
async def test_a_seat_that_is_nobodys_says_what_it_is(api: Api, hand: Hand, state: str, said: str) -> None:
    await api.change("UPDATE students SET state = :state WHERE number = 1", state=state)
    [reason] = await hand.reasons("PURGE", first=1, force=True)
    assert said in reason


async def test_seats_that_somebody_is_in_are_named_and_nothing_is_sent(
    api: Api, agent: AgentDouble, hand: Hand
) -> None:
    await given_back(api, agent, BEA)
    await running(api, agent, ADA)
    for verb in ("CLEANUP", "RESET", "PURGE", "DELETE"):
        detail = await hand.refused(409, verb)
        assert "student1 (registration 2)" in detail
        assert "force" in detail
    assert await api.rows("SELECT 1 FROM commands WHERE state = 'queued'") == []
    assert await api.value("SELECT state FROM registrations WHERE id = 2") == "running"
    assert await api.rows("SELECT 1 FROM audit") == []


async def test_with_force_a_session_ends_as_any_other(api: Api, agent: AgentDouble, hand: Hand) -> None:
    await running(api, agent, ADA)
    assert await hand.send("RESET", force=True) == [
        (1, "ended", "CLEANUP"),
        (2, "skipped", None),
        (3, "skipped", None),
    ]
    assert await api.rows("SELECT state, end_reason FROM registrations") == [("ended", "operator")]
    await agent.finish("CLEANUP", completion=40)
    await agent.finish("PURGE")
    assert await seat_states(api) == ["free"] * 3
    assert await api.value("SELECT count(*) FROM mails WHERE template = 'ended'") == 1


@pytest.mark.parametrize("verb", ["RESET", "PURGE"])
async def test_a_free_seat_is_nobodys_until_it_is_free_once_more(
    api: Api, agent: AgentDouble, hand: Hand, verb: str
) -> None:
    await given_back(api, agent, ADA)
    mails = await api.value("SELECT count(*) FROM mails")
    assert await hand.send(verb, first=1) == [(1, "sent", verb)]
    assert (await api.register(BEA)).json()["username"] == "student2"
    await api.change("DELETE FROM mails WHERE registration_id = 2")
    await api.change("DELETE FROM commands WHERE registration_id = 2")
    if verb == "RESET":
        await agent.finish("RESET")
    await agent.finish("PURGE")
    assert (await seat_states(api))[0] == "free"
    assert await api.value("SELECT cleaned_at IS NOT NULL FROM registrations WHERE id = 1")
    assert await api.value("SELECT count(*) FROM mails") == mails


@pytest.mark.parametrize("verb", ["CLEANUP", "DELETE"])
async def test_a_free_seat_has_nothing_to_be_cleaned_of(api: Api, agent: AgentDouble, hand: Hand, verb: str) -> None:
    await given_back(api, agent, ADA)
    assert await hand.reasons(verb, first=1, last=2) == [
        "clean and free already",
        "nobody has been in it since it was clean",
    ]


@pytest.mark.parametrize("verb", ["CLEANUP", "DELETE", "RESET", "PURGE"])
async def test_a_broken_seat_becomes_free_by_any_verb(api: Api, agent: AgentDouble, hand: Hand, verb: str) -> None:
    token = await running(api, agent, ADA)
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await api.change("UPDATE commands SET state = 'failed' WHERE verb = 'CLEANUP'")
    await api.change("UPDATE students SET state = 'broken' WHERE number = 1")
    assert await hand.send(verb, first=1) == [(1, "sent", verb)]
    await agent.finish(verb)
    if verb != "PURGE":
        await agent.finish("PURGE")
    assert (await seat_states(api))[0] == "free"


async def test_a_seat_on_its_way_is_left_alone_with_the_way_out(api: Api, agent: AgentDouble, hand: Hand) -> None:
    token = await running(api, agent, ADA)
    await api.http.post(f"/api/v1/registrations/{token}/end")
    [reason] = await hand.reasons("PURGE", first=1, force=True)
    assert "cleaning" in reason
    assert "retry" in reason


async def test_a_seat_of_another_workshop_is_left_alone_even_with_force(
    api: Api, agent: AgentDouble, hand: Hand
) -> None:
    await running(api, agent, ADA)
    await api.change(
        "INSERT INTO workshops (notebook, name, description, active, priority, reset, ldap, varpass, compile,"
        " replay_link, workshop_img, badge_img, beta, category, duration, presenter, role, avatar, monoappliance,"
        " multiappliance, session_type, alternate_location, content_version)"
        " SELECT 'WKSHP-Other', name, description, active, priority, reset, ldap, varpass, compile, replay_link,"
        " workshop_img, badge_img, beta, category, duration, presenter, role, avatar, monoappliance, multiappliance,"
        " session_type, alternate_location, content_version FROM workshops"
    )
    await api.change("UPDATE registrations SET workshop_id = (SELECT id FROM workshops WHERE notebook = 'WKSHP-Other')")
    [reason] = await hand.reasons("CLEANUP", first=1, force=True)
    assert "WKSHP-Other" in reason
    assert await api.value("SELECT state FROM registrations") == "running"


async def test_a_seat_that_is_being_given_away_is_passed_over(api: Api, agent: AgentDouble, hand: Hand) -> None:
    await given_back(api, agent, ADA)
    async with api.sessions.begin() as session:
        await session.execute(text("SELECT 1 FROM students WHERE number = 1 FOR UPDATE"))
        assert await hand.reasons("PURGE", first=1) == ["somebody gets it at this moment"]


async def test_the_act_is_written_down(api: Api, agent: AgentDouble, hand: Hand) -> None:
    await given_back(api, agent, ADA)
    await hand.send("PURGE", first=1, last=2)
    [(action, thing, data)] = await api.rows("SELECT action, object_id, data FROM audit")
    assert (action, thing) == ("command.send", WORKSHOP)
    wanted = {"verb": "PURGE", "location": 1, "force": False, "sent": [1], "ended": [], "skipped": [2]}
    assert data == wanted


@pytest.mark.parametrize(
    ("status", "more", "said"),
    [
        (422, {"first": 41}, "1 to 40"),
        (422, {"first": 3, "last": 2}, "before"),
        (422, {"last": 2}, "first"),
        (422, {"first": 0}, "first"),
        (422, {"verb": "EXPLODE"}, "verb"),
        (404, {"location": 9}, "1 (Grenoble)"),
        (404, {"workshop": "WKSHP-Nothing"}, "GET /api/v1/workshops"),
    ],
)
async def test_a_wrong_value_is_named(hand: Hand, status: int, more: dict[str, Any], said: str) -> None:
    assert said in await hand.refused(status, **({"verb": "PURGE"} | more))


async def test_where_a_workshop_is_given_twice_the_location_is_asked_for(api: Api, hand: Hand) -> None:
    operator = await Operator.of(api)
    await operator.add_alternate()
    assert "2 (Houston)" in await hand.refused(422, "PURGE")
    assert [number for number, *_ in await hand.send("PURGE", location=2)] == [1, 2, 3, 4, 5]


async def test_only_an_admin_sends(api: Api) -> None:
    account = {"username": "grace", "password": "correct horse battery"}
    operator = await Operator.of(api)
    await operator.done("POST", "/accounts", account | {"email": "grace@example.org", "role": "moderator"})
    moderator = await Operator.of(api, account)
    await moderator.refused(403, "POST", "/commands", {"verb": "PURGE", "workshop": WORKSHOP})


async def test_a_token_may_be_asked_for_a_working_day_but_no_longer(api: Api) -> None:
    answer = await api.http.post("/api/v1/login", json=ADMIN | {"lifetime": 12 * 3600})
    assert answer.json()["expires_in"] == 43_200
    assert (await api.http.post("/api/v1/login", json=ADMIN)).json()["expires_in"] == 900
    assert (await api.http.post("/api/v1/login", json=ADMIN | {"lifetime": 43_201})).status_code == 422

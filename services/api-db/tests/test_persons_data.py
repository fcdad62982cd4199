"""What a person, or the operator for him, is shown of his data and can have erased."""

from email.message import EmailMessage

import pytest
from api_support import ADMIN, AgentDouble, Api
from sqlalchemy import text

from wod_api_db.mail.delivering import MailSender
from wod_api_db.persons.pseudonymising import ERASED, PersonalValues, erased_key
from wod_api_db.persons.retention import retire
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep

ADDRESS = "ada@example.org"


async def run(api: Api, agent: AgentDouble, email: str = ADDRESS) -> str:
    token = str((await api.register(email, company="Analytical Engines")).json()["token"])
    await agent.finish("CREATE", password="pass-word-1")
    return token


async def end(api: Api, agent: AgentDouble, token: str) -> None:
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await clean(agent)


async def clean(agent: AgentDouble) -> None:
    await agent.finish("CLEANUP", completion=75)
    await agent.finish("PURGE")


async def sign_in(api: Api) -> None:
    await api.change("UPDATE registrations SET first_login_at = now() WHERE state = 'running'")


async def found(api: Api, wanted: str) -> list[str]:
    """The tables that hold the text anywhere."""
    tables = await api.rows("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
    return [
        table
        for (table,) in tables
        if await api.rows(f"SELECT 1 FROM {table} AS t WHERE t::text ILIKE :text LIMIT 1", text=f"%{wanted}%")
    ]


async def test_a_person_sees_all_that_is_held_of_him_and_of_nobody_else(api: Api, agent: AgentDouble) -> None:
    first = await run(api, agent)
    await end(api, agent, first)
    second = await run(api, agent, "Ada@Example.org")
    await sign_in(api)
    await api.register("bob@example.org", name="Bob")
    answer = await api.http.get(f"/api/v1/registrations/{second}/data")
    data = answer.json()
    assert (answer.status_code, data["scope"], answer.headers["cache-control"]) == (200, "address", "no-store")
    older, newer = data["registrations"]
    assert (older["state"], newer["state"], older["completion"]) == ("ended", "running", 75)
    assert (older["email"], older["company"], older["username"]) == (ADDRESS, "Analytical Engines", "student1")
    assert older["consent"]["terms_version"] == "1"
    assert [mail["template"] for mail in older["mails"]] == ["welcome", "credentials", "ended"]
    assert [badge["workshop"] for badge in older["badges"]] == ["WKSHP-API101"]
    assert {"registered", "running", "ended", "cleaned"} <= {event["type"] for event in older["story"]}
    for secret in ("bob", "pass-word-1", first.split("-", 1)[1], second.split("-", 1)[1]):
        assert secret not in answer.text.casefold()


async def test_a_link_alone_reaches_its_own_registration(api: Api, agent: AgentDouble) -> None:
    """A stranger who registers with somebody's address has a link, and not what the mailbox holds."""
    await end(api, agent, await run(api, agent))
    stranger = (await api.register(ADDRESS, name="Mallory")).json()["token"]
    answer = await api.http.get(f"/api/v1/registrations/{stranger}/data")
    assert answer.json()["scope"] == "registration"
    assert [row["name"] for row in answer.json()["registrations"]] == ["Mallory"]
    erased = await api.http.delete(f"/api/v1/registrations/{stranger}/data")
    assert erased.json() == {"scope": "registration", "registrations": 1, "seats_being_cleaned": 1}
    assert await api.value("SELECT count(*) FROM registrations WHERE email = :email", email=ADDRESS) == 1


async def test_a_login_before_the_address_was_corrected_proves_nothing(api: Api, agent: AgentDouble) -> None:
    await end(api, agent, await run(api, agent))
    token = await run(api, agent)
    await sign_in(api)
    await api.change("UPDATE registrations SET corrected_at = now() WHERE state = 'running'")
    assert (await api.http.get(f"/api/v1/registrations/{token}/data")).json()["scope"] == "registration"


async def test_erasing_ends_the_session_and_leaves_nothing_of_the_person(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    await end(api, agent, await run(api, agent))
    token = await run(api, agent)
    await sign_in(api)
    await api.change("UPDATE mails SET data = '{\"to\": \"ada@example.org\"}', error = '550 <ada@example.org>'")
    await api.change(
        "INSERT INTO notices (kind, registration_id, text) SELECT 'x', id, 'no mail reached ada@example.org' FROM registrations"
    )
    await api.change(
        """INSERT INTO audit (username, action, object_type, object_id, data)
        SELECT 'operator', 'registration.end', 'registration', id::text, '{"of": "Ada of Analytical Engines"}'
        FROM registrations"""
    )
    await api.change("UPDATE commands SET error = 'CREATE 1 2 Ada@example.org'")
    await api.change("UPDATE registrations SET failure = 'old@example.org is unknown', idempotency_key = id || 'ada'")
    erased = await api.http.delete(f"/api/v1/registrations/{token}/data")
    assert erased.json() == {"scope": "address", "registrations": 2, "seats_being_cleaned": 1}
    assert await api.rows("SELECT state, end_reason FROM registrations ORDER BY id") == [("ended", "person")] * 2
    for value in ("ada", "example.org", "analytical"):
        assert set(await found(api, value)) <= {"accounts", "workshops"}, value
    await clean(agent)
    assert await api.rows("SELECT DISTINCT email_key FROM registrations") == [(erased_key(settings, ADDRESS),)]
    assert await api.rows("SELECT email_key FROM badges") == [(erased_key(settings, ADDRESS),)]
    assert (await api.http.get(f"/api/v1/registrations/{token}")).status_code == 404
    assert (await api.register()).status_code == 201


async def test_nothing_is_sent_to_an_erased_person(api: Api, agent: AgentDouble) -> None:
    token = await run(api, agent)
    await api.http.delete(f"/api/v1/registrations/{token}/data")
    await clean(agent)
    states = await api.rows("SELECT template, state, recipient FROM mails ORDER BY created_at")
    assert states == [("welcome", "withheld", ""), ("credentials", "withheld", "")]
    assert await api.rows("SELECT DISTINCT error FROM mails") == [("withheld: the person's data were erased",)]


async def test_a_mail_in_the_relays_hands_says_nothing_afterwards(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    token = await run(api, agent)

    class Relay:
        async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
            assert recipient == ADDRESS
            await api.http.delete(f"/api/v1/registrations/{token}/data")

    mail = await api.value("SELECT id FROM mails WHERE template = 'welcome'")
    await MailSender(api.sessions, settings, Relay()).send(mail)
    assert await found(api, ADDRESS) == []
    assert await api.value("SELECT count(*) FROM mails WHERE recipient <> '' OR state IN ('queued', 'sending')") == 0


async def test_an_erasure_is_finished_when_the_seat_is_clean(api: Api, agent: AgentDouble, settings: Settings) -> None:
    token = await run(api, agent)
    await api.http.delete(f"/api/v1/registrations/{token}/data")
    await retire(api.sessions, settings)
    assert await api.value("SELECT pseudonymised_at FROM registrations") is None
    await clean(agent)
    assert await api.value("SELECT state FROM students WHERE number = 1") == "free"
    assert await api.value("SELECT count(*) FROM command_events") > 0
    await retire(api.sessions, settings)
    assert await api.value("SELECT pseudonymised_at FROM registrations") is not None
    assert await api.value("SELECT count(*) FROM command_events") == 0


async def test_who_has_only_waited_is_forgotten_like_everybody(api: Api, settings: Settings) -> None:
    await api.change("UPDATE placements SET capacity = 0")
    await api.register(ADDRESS, wait=True)
    await retire(api.sessions, settings)
    assert await found(api, ADDRESS) != []
    await api.change("UPDATE registrations SET wait_ends_at = now()")
    await sweep(api.sessions, "test")
    await api.change("UPDATE registrations SET ended_at = now() - interval '366 days'")
    await retire(api.sessions, settings)
    assert await found(api, ADDRESS) == []
    assert await api.value("SELECT end_reason FROM registrations WHERE pseudonymised_at IS NOT NULL") == "time"


async def opt_out(api: Api) -> None:
    await api.change("INSERT INTO mail_optouts (email_key) VALUES (:key)", key=ADDRESS)


async def test_an_opt_out_goes_with_the_last_that_is_held_of_its_address(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    await end(api, agent, await run(api, agent))
    await api.change("UPDATE registrations SET ended_at = now() - interval '366 days'")
    token = await run(api, agent)
    await opt_out(api)
    await retire(api.sessions, settings)
    assert await api.value("SELECT count(*) FROM registrations WHERE pseudonymised_at IS NOT NULL") == 1
    assert "mail_optouts" in await found(api, ADDRESS)
    await api.http.delete(f"/api/v1/registrations/{token}/data")
    assert await found(api, ADDRESS) == []


async def test_an_opt_out_without_a_registration_is_erased_by_its_address(api: Api) -> None:
    await opt_out(api)
    headers = await api.login(ADMIN)
    await api.http.post("/api/v1/persons/erase", json={"email": ADDRESS}, headers=headers)
    assert await found(api, ADDRESS) == []


async def test_what_waits_is_cancelled_and_erased(api: Api) -> None:
    await api.change("UPDATE placements SET capacity = 0")
    token = (await api.register(wait=True)).json()["token"]
    held = await api.http.get(f"/api/v1/registrations/{token}/data")
    assert [(row["state"], row["location"]) for row in held.json()["registrations"]] == [("waiting", "")]
    erased = await api.http.delete(f"/api/v1/registrations/{token}/data")
    assert erased.json()["seats_being_cleaned"] == 0
    assert await api.rows("SELECT state, email, pseudonymised_at IS NULL FROM registrations") == [
        ("cancelled", "", False)
    ]


async def test_an_unknown_link_reaches_nothing(api: Api) -> None:
    for method in ("GET", "DELETE"):
        answer = await api.http.request(method, f"/api/v1/registrations/1-{'x' * 32}/data")
        assert answer.status_code == 404


async def test_an_operator_exports_and_erases_by_address_without_writing_it_down(api: Api, agent: AgentDouble) -> None:
    await run(api, agent)
    headers = await api.login(ADMIN)
    body = {"email": " ADA@example.org "}
    exported = await api.http.post("/api/v1/persons/export", json=body, headers=headers)
    assert [row["name"] for row in exported.json()["registrations"]] == ["Ada"]
    erased = await api.http.post("/api/v1/persons/erase", json=body, headers=headers)
    assert erased.json() == {"scope": "address", "registrations": 1, "seats_being_cleaned": 1}
    assert await api.rows("SELECT state, end_reason FROM registrations") == [("ended", "operator")]
    again = await api.http.post("/api/v1/persons/export", json=body, headers=headers)
    assert again.json()["registrations"] == []
    audit = await api.rows("SELECT username, action, object_id, data FROM audit ORDER BY id")
    assert [row.action for row in audit] == ["person.export", "person.erase", "person.export"]
    assert len({row.object_id for row in audit}) == 1
    assert await found(api, "ada@") == []


@pytest.mark.parametrize("path", ["export", "erase"])
async def test_only_administrators_reach_a_person_by_address(api: Api, agent: AgentDouble, path: str) -> None:
    url = f"/api/v1/persons/{path}"
    assert (await api.http.post(url, json={"email": ADDRESS})).status_code == 401
    headers = await api.login({"username": "agent-1", "password": "agent-secret"})
    assert (await api.http.post(url, json={"email": ADDRESS}, headers=headers)).status_code == 403
    headers = await api.login(ADMIN)
    for wrong in ("nobody", "a\0@example.org", "@@@", "a" * 254):
        assert (await api.http.post(url, json={"email": wrong}, headers=headers)).status_code == 422


async def test_an_old_registration_loses_its_person_and_keeps_its_figures(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    await end(api, agent, await run(api, agent))
    await run(api, agent)
    await sweep(api.sessions, "w")
    await retire(api.sessions, settings)
    assert await api.value("SELECT count(pseudonymised_at) FROM registrations") == 0
    await api.change("UPDATE registrations SET ended_at = now() - interval '366 days' WHERE state = 'ended'")
    await retire(api.sessions, settings)
    rows = await api.rows("SELECT name, email, completion, pseudonymised_at IS NULL FROM registrations ORDER BY id")
    assert rows == [("", "", 75, False), ("Ada", ADDRESS, None, True)]


async def test_a_second_badge_for_the_same_workshop_is_no_obstacle(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    for _ in range(2):
        await end(api, agent, await run(api, agent))
        await api.change("UPDATE registrations SET ended_at = now() - interval '366 days'")
        await retire(api.sessions, settings)
    assert await api.value("SELECT count(*) FROM registrations WHERE pseudonymised_at IS NOT NULL") == 2
    assert await api.rows("SELECT email_key FROM badges") == [(erased_key(settings, ADDRESS),)]


async def test_what_another_worker_holds_is_passed_over(api: Api, agent: AgentDouble, settings: Settings) -> None:
    await end(api, agent, await run(api, agent))
    await api.change("UPDATE registrations SET ended_at = now() - interval '366 days'")
    async with api.sessions.begin() as other:
        await other.execute(text("SELECT 1 FROM registrations FOR UPDATE"))
        await retire(api.sessions, settings)
    assert await api.value("SELECT email FROM registrations") == ADDRESS
    await retire(api.sessions, settings)
    assert await api.value("SELECT email FROM registrations") == ""


async def test_nothing_grows_for_ever(api: Api, settings: Settings) -> None:
    await api.register()
    await api.change("UPDATE registrations SET idempotency_key = 'k', request_hash = 'h'")
    await api.change("INSERT INTO workers (id, seen_at) VALUES ('dead', now() - interval '2 days'), ('alive', now())")
    for table, columns, values in (
        ("pgqueuer_log", "job_id, status, priority, entrypoint, created", "1, 'successful', 0, 'send-mail', "),
        ("pgqueuer_statistics", "count, status, priority, entrypoint, created", "1, 'successful', 0, 'send-mail', "),
        ("notices", "kind, text, at", "'x', 'y', "),
    ):
        for age in ("400 days", "1 hour"):
            await api.change(f"INSERT INTO {table} ({columns}) VALUES ({values} now() - interval '{age}')")
    await retire(api.sessions, settings)
    assert await api.value("SELECT count(idempotency_key) FROM registrations") == 1
    await api.change("UPDATE registrations SET created_at = now() - interval '25 hours'")
    await retire(api.sessions, settings)
    assert await api.value("SELECT count(idempotency_key) + count(request_hash) FROM registrations") == 0
    assert await api.rows("SELECT id FROM workers") == [("alive",)]
    for table, column in (("pgqueuer_log", "created"), ("pgqueuer_statistics", "created"), ("notices", "at")):
        assert await api.rows(f"SELECT count(*), min({column}) > now() - interval '2 hours' FROM {table}") in (
            [(1, True)],
            [(3, True)],  # the jobs of the registration are logged too
        )


@pytest.mark.parametrize(
    ("held", "left"),
    [
        ("Ada has no home", f"{ERASED} has no home"),
        ("Adamant", "Adamant"),
        ("550 <ADA@Example.org>: unknown", f"550 <{ERASED}>: unknown"),
        ("was once countess@example.com", f"was once {ERASED}"),
        ("student1", "student1"),
    ],
)
def test_values_are_found_in_texts(held: str, left: str) -> None:
    values = PersonalValues("Ada", ADDRESS, "")
    assert values.erase({"a": [held, 1, None]}) == {"a": [left, 1, None]}

"""The relay is away, forgets its words, or refuses somebody: every mail still arrives once, in its person's order."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from api_support import AgentDouble, Api
from mail_support import Mailbox, Post, listening

from wod_api_db.mail import repository
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep
from wod_demo.ports import free_port

PERSONS = ("ada@example.org", "grace@example.org", "mary@example.org")
AWAY = timedelta(minutes=10)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def post(api: Api, settings: Settings, port: int) -> Post:
    return Post(api, settings, port)


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with listening(mailbox, port):
        yield mailbox


async def trouble(api: Api, registration: int) -> str | None:
    async with api.sessions() as session:
        return await repository.trouble(session, registration)


async def run_down(api: Api, agent: AgentDouble, person: str) -> str:
    """A session that is nearly over, with its three mails: welcome, credentials, expiring."""
    token = str((await api.register(person)).json()["token"])
    await agent.finish("CREATE", password="pass-word-1")
    await api.change("UPDATE registrations SET expiring_at = now() WHERE state = 'running'")
    await sweep(api.sessions, "worker")
    return token


async def test_after_ten_minutes_without_a_relay_every_mail_arrives_once_and_in_order(
    api: Api, agent: AgentDouble, post: Post, port: int
) -> None:
    tokens = [await run_down(api, agent, person) for person in PERSONS]
    await api.http.post(f"/api/v1/registrations/{tokens[2]}/end")
    await agent.finish("CLEANUP", completion=80)  # a fourth mail: ended

    assert await _outage(api, post) >= AWAY
    # only the first of each person was tried: the others wait for it and lose none of their tries
    assert await api.value("SELECT count(*) FROM mails WHERE attempts > 0") == len(PERSONS)
    assert await api.value("SELECT count(*) FROM mails WHERE state = 'queued'") == 10
    assert set(await api.rows("SELECT error IS NULL FROM mails WHERE attempts > 0")) == {(False,)}

    mailbox = Mailbox()
    with listening(mailbox, port):
        while await api.value("SELECT count(*) FROM mails WHERE state IN ('queued', 'sending')"):
            await post.pass_time()
            await post.send_all()
    await _arrived_once_and_in_order(api, mailbox)
    # the one account is closed already: its password is of no use any more
    withheld = await api.rows("SELECT template, recipient FROM mails WHERE state = 'withheld'")
    assert withheld == [("credentials", PERSONS[2])]
    assert len(mailbox.messages) == 9


async def _outage(api: Api, post: Post) -> timedelta:
    """Tries whatever is due until the relay has been away for long enough. Each gap is twice the one before."""
    await post.send_due()
    due = "SELECT id FROM mails WHERE due_at <= now() AND attempts > 0"  # the others wait for an earlier one
    away = timedelta()
    while away < AWAY:
        away += await post.pass_time()
        for (identity,) in await api.rows(due):
            before = await api.value("SELECT clock_timestamp()")
            await post.send(identity)
            after = await api.value("SELECT clock_timestamp()")
            [(attempts, due_at)] = await api.rows("SELECT attempts, due_at FROM mails WHERE id = :id", id=identity)
            expected = min(timedelta(seconds=0.5) * 2 ** (attempts - 1), timedelta(minutes=1))
            assert due_at - after <= expected <= due_at - before
    return away


async def _arrived_once_and_in_order(api: Api, mailbox: Mailbox) -> None:
    assert set(Counter(mail["Message-ID"] for mail in mailbox.messages).values()) == {1}
    for person in PERSONS:
        query = "SELECT message_id FROM mails WHERE recipient = :person AND state = 'sent' ORDER BY created_at"
        assert [(mail["Message-ID"],) for mail in mailbox.to(person)] == await api.rows(query, person=person)


async def test_a_relay_that_hangs_up_after_taking_a_mail_gets_it_again_as_the_same_mail(
    api: Api, post: Post, mailbox: Mailbox
) -> None:
    for person in PERSONS:
        await api.register(person)
    mailbox.drops = 2
    await post.send_all()
    while await api.value("SELECT count(*) FROM mails WHERE state = 'queued'"):
        await post.pass_time()
        await post.send_all()
    arrived = Counter(mail["Message-ID"] for mail in mailbox.messages)
    assert sorted(arrived.values()) == [1, 2, 2]
    assert len({mail.as_bytes() for mail in mailbox.messages}) == len(PERSONS)
    assert await api.rows("SELECT DISTINCT state FROM mails") == [("sent",)]
    assert await api.value("SELECT count(*) FROM registration_events WHERE type = 'mail-sent'") == len(PERSONS)


async def test_an_address_that_is_refused_for_good_is_seen_everywhere_and_harms_nobody(
    api: Api, agent: AgentDouble, post: Post, mailbox: Mailbox
) -> None:
    ada, grace, _ = [(await api.register(person)).json() for person in PERSONS]
    mailbox.refused["ada@example.org"] = "550 5.1.1 <ada@example.org>: no such\tmailbox"
    await post.send_all()

    assert await api.rows("SELECT state, attempts, error FROM mails WHERE recipient = 'ada@example.org'") == [
        ("failed", 1, "550 5.1.1 <ada@example.org>: no such mailbox")
    ]
    story = "SELECT data FROM registration_events WHERE type = 'mail-failed'"
    assert await api.rows(story) == [({"template": "welcome"},)]
    [(kind, registration, text)] = await api.rows("SELECT kind, registration_id, text FROM notices")
    assert (kind, registration) == ("mail-failed", ada["id"])
    assert "550 5.1.1" in text
    assert "ada@" not in text
    assert "example.org refused" in str(await trouble(api, ada["id"]))
    shown = (await api.http.get(f"/api/v1/registrations/{ada['token']}")).json()
    assert shown["mail_trouble"] == await trouble(api, ada["id"])

    assert await trouble(api, grace["id"]) is None
    assert await api.value("SELECT count(*) FROM mails WHERE state = 'sent'") == 2
    assert {mail["To"].addresses[0].addr_spec for mail in mailbox.messages} == set(PERSONS[1:])


async def test_the_trouble_is_over_when_a_later_mail_arrives_but_a_lost_password_stays_lost(
    api: Api, agent: AgentDouble, post: Post, mailbox: Mailbox
) -> None:
    ada = (await api.register(PERSONS[0])).json()
    mailbox.refused[PERSONS[0]] = "550 mailbox is full"
    await post.send_all()
    assert await trouble(api, ada["id"])
    mailbox.refused.clear()
    await agent.finish("CREATE", password="pass-word-1")
    await post.send_all()
    assert await trouble(api, ada["id"]) is None

    await api.change("UPDATE mails SET bounced_at = now(), error = 'gone' WHERE template = 'credentials'")
    await api.change("UPDATE registrations SET expiring_at = now()")
    await sweep(api.sessions, "worker")
    await post.send_all()
    assert "password" in str(await trouble(api, ada["id"]))


async def test_what_was_written_to_a_mistyped_address_does_not_trouble_the_right_one(
    api: Api, post: Post, mailbox: Mailbox
) -> None:
    wrong = (await api.register("ada@exmaple.org")).json()
    mailbox.refused["ada@exmaple.org"] = "550 unknown"
    await post.send_all()
    await api.change("UPDATE registrations SET email = 'ada@example.org', email_key = 'ada@example.org'")
    assert await trouble(api, wrong["id"]) is None


async def test_a_mail_under_way_to_a_mistyped_address_does_not_leave_any_more(
    api: Api, post: Post, mailbox: Mailbox
) -> None:
    """It would carry the new link to the stranger."""
    await api.register("ada@exmaple.org")
    mailbox.refused["ada@exmaple.org"] = "451 come again"
    await post.send_all()
    await api.change("UPDATE registrations SET email = 'ada@example.org', email_key = 'ada@example.org'")
    mailbox.refused.clear()
    await post.pass_time()
    await post.send_all()
    assert mailbox.messages == []
    assert await api.value("SELECT state FROM mails") == "withheld"


async def test_a_mail_that_is_given_up_lets_the_next_one_leave(
    api: Api, agent: AgentDouble, post: Post, mailbox: Mailbox
) -> None:
    await api.register(PERSONS[0])
    await agent.finish("CREATE", password="pass-word-1")
    await api.change("UPDATE mails SET attempts = 63 WHERE template = 'welcome'")
    mailbox.refused[PERSONS[0]] = "451 try later"
    await post.send(await api.value("SELECT id FROM mails WHERE template = 'welcome'"))
    mailbox.refused.clear()
    await post.send_all()
    states = await api.rows("SELECT template, state FROM mails ORDER BY created_at")
    assert states == [("welcome", "failed"), ("credentials", "sent")]


async def test_the_mail_that_waited_becomes_a_job_at_once(
    api: Api, agent: AgentDouble, post: Post, mailbox: Mailbox
) -> None:
    await api.register(PERSONS[0])
    await agent.finish("CREATE", password="pass-word-1")
    await api.change("DELETE FROM pgqueuer")
    await post.send(await api.value("SELECT id FROM mails WHERE template = 'welcome'"))
    waiting = await api.value("SELECT id FROM mails WHERE template = 'credentials'")
    [(payload,)] = await api.rows("SELECT payload FROM pgqueuer")
    assert bytes(payload).decode() == str(waiting)

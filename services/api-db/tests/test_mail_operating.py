"""What operators see and do of mails, and what somebody who has unsubscribed still gets."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from api_support import ADMIN, AGENT, AgentDouble, Api
from mail_support import Mailbox, Post, listening, text_of
from sqlalchemy import select

from wod_api_db.mail.outbox import queue_mail
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings
from wod_demo.ports import free_port

ADA = "ada@example.org"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with listening(mailbox, port):
        yield mailbox


@pytest.fixture
def post(api: Api, settings: Settings, port: int) -> Post:
    return Post(api, settings, port)


@pytest.fixture
async def headers(api: Api) -> dict[str, str]:
    return await api.login(ADMIN)


async def queue(api: Api, template: str, **data: Any) -> None:
    async with api.sessions.begin() as session:
        registration = (await session.execute(select(Registration))).scalars().first()
        assert registration is not None
        await queue_mail(session, registration, template, **data)


async def listed(api: Api, headers: dict[str, str], **query: str) -> list[str]:
    answer = await api.http.get("/api/v1/mails", headers=headers, params=query)
    assert answer.status_code == 200
    return [f"{row['recipient']} {row['template']}" for row in answer.json()["items"]]


async def test_every_mail_is_listed_with_its_state_and_found_by_it(
    api: Api, agent: AgentDouble, headers: dict[str, str]
) -> None:
    first = (await api.register(ADA)).json()["id"]
    await agent.finish("CREATE", password="pass-word-1")
    await api.register("grace@example.org")
    await api.change("UPDATE mails SET state = 'failed' WHERE template = 'credentials'")
    assert await listed(api, headers) == ["grace@example.org welcome", f"{ADA} credentials", f"{ADA} welcome"]
    assert await listed(api, headers, state="failed") == [f"{ADA} credentials"]
    assert await listed(api, headers, template="welcome", registration=str(first)) == [f"{ADA} welcome"]
    assert await listed(api, headers, recipient="GRACE@example.org") == ["grace@example.org welcome"]
    assert await listed(api, headers, recipient="grace") == []
    answer = await api.http.get("/api/v1/mails", headers=headers)
    assert "pass-word-1" not in answer.text


async def test_pages_follow_each_other_without_loss_while_mails_are_added(api: Api, headers: dict[str, str]) -> None:
    await api.register()
    for number in range(6):
        await queue(api, "already", occasion=str(number))
    await api.change("UPDATE mails SET created_at = '2026-11-23T10:00:00Z'")  # then the id decides
    seen: list[str] = []
    cursor = ""
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await api.http.get("/api/v1/mails", headers=headers, params=query)).json()
        seen += [row["id"] for row in page["items"]]
        await queue(api, "already", occasion=f"new-{len(seen)}")
        if page["next"] is None:
            break
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"cursor": "MjAyNiA1"},
        {"cursor": "OTk5OS0xMi0zMVQyMzo1OTo1OS0yMzo1OSA4ZDFmMmM1My01YTU0LTRhNmUtOWQwYi02ZjNiOWY5YTBjMTE="},
        {"cursor": "é"},
        {"state": "lost"},
        {"template": "\x00"},
        {"recipient": "\x00"},
        {"registration": str(2**63)},
        {"limit": "0"},
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(
    api: Api, headers: dict[str, str], query: dict[str, str]
) -> None:
    assert (await api.http.get("/api/v1/mails", headers=headers, params=query)).status_code == 422


async def test_only_operators_see_and_send_mails(api: Api) -> None:
    await api.register()
    path = f"/api/v1/mails/{await api.value('SELECT id FROM mails')}/resend"
    assert (await api.http.get("/api/v1/mails")).status_code == 401
    assert (await api.http.post(path)).status_code == 401
    agent = await api.login(AGENT)
    assert (await api.http.get("/api/v1/mails", headers=agent)).status_code == 403
    assert (await api.http.post(path, headers=agent)).status_code == 403


async def test_a_failed_mail_is_sent_again_as_the_same_mail_and_written_down(
    api: Api, post: Post, mailbox: Mailbox, headers: dict[str, str]
) -> None:
    await api.register()
    mailbox.refused[ADA] = "550 mailbox full"
    await post.send_all()
    [(identity, message_id)] = await api.rows("SELECT id, message_id FROM mails")
    mailbox.refused.clear()
    answer = await api.http.post(f"/api/v1/mails/{identity}/resend", headers=headers)
    assert (answer.json()["state"], answer.json()["error"]) == ("queued", None)
    await post.send_all()
    assert [mail["Message-ID"] for mail in mailbox.messages] == [message_id]
    assert await api.rows("SELECT username, action, object_id FROM audit") == [
        ("operator", "mail.resend", str(identity))
    ]
    again = await api.http.post(f"/api/v1/mails/{identity}/resend", headers=headers)
    assert again.status_code == 409


async def test_a_mail_that_has_come_back_is_sent_again(api: Api, post: Post, headers: dict[str, str]) -> None:
    await api.register()
    await api.change("UPDATE mails SET state = 'sent', sent_at = now(), bounced_at = now(), error = 'full'")
    identity = await api.value("SELECT id FROM mails")
    answer = (await api.http.post(f"/api/v1/mails/{identity}/resend", headers=headers)).json()
    assert (answer["state"], answer["bounced_at"], answer["sent_at"]) == ("queued", None, None)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE mails SET state = 'withheld'",
        "UPDATE mails SET state = 'failed', recipient = 'ada@exmaple.org'",  # corrected since
    ],
)
async def test_a_mail_that_must_not_leave_is_not_sent_again(api: Api, headers: dict[str, str], change: str) -> None:
    await api.register()
    await api.change(change)
    path = f"/api/v1/mails/{await api.value('SELECT id FROM mails')}/resend"
    assert (await api.http.post(path, headers=headers)).status_code == 409
    assert (await api.http.post(f"/api/v1/mails/{uuid4()}/resend", headers=headers)).status_code == 404


async def earn_badge(api: Api) -> None:
    await api.change(
        "INSERT INTO badges (email_key, special_badge_id, registration_id) SELECT email_key, 1, id FROM registrations"
    )
    await queue(api, "special-badge", occasion="1", special_badge_id=1)


async def test_one_click_ends_thanks_and_badges_and_nothing_else(
    api: Api, agent: AgentDouble, post: Post, mailbox: Mailbox
) -> None:
    await api.register()
    await earn_badge(api)
    await post.send_all()
    [welcome, badge] = mailbox.messages
    assert welcome["List-Unsubscribe"] is None
    assert badge["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<(http://127\.0\.0\.1:8080/mail/unsubscribe/(\S+))>", badge["List-Unsubscribe"])
    assert link
    assert link[1] in text_of(badge).splitlines()

    for _ in range(2):
        answer = await api.http.post(f"/api/v1/mails/unsubscribe/{link[2]}")
        assert (answer.status_code, answer.json()) == (200, {"unsubscribed": True})
    assert await api.rows("SELECT email_key FROM mail_optouts") == [(ADA,)]

    await agent.finish("CREATE", password="pass-word-1")
    for template in ("expiring", "failed", "ended", "special-badge"):
        await queue(api, template, occasion="later", special_badge_id=1)
    await post.send_all()
    states = dict(await api.rows("SELECT template, state FROM mails ORDER BY created_at"))
    assert states == {
        "welcome": "sent",
        "credentials": "sent",
        "expiring": "sent",
        "failed": "sent",
        "ended": "withheld",
        "special-badge": "withheld",
    }


async def test_an_unsubscribe_link_opens_nothing_else_and_nothing_else_unsubscribes(
    api: Api, post: Post, mailbox: Mailbox
) -> None:
    personal = (await api.register()).json()["token"]
    await earn_badge(api)
    await post.send_all()
    token = mailbox.messages[1]["List-Unsubscribe"].rpartition("/")[2].rstrip(">")
    assert (await api.http.get(f"/api/v1/registrations/{token}")).status_code == 404
    for wrong in (personal, token[:-1] + "x", "1-" + token.partition("-")[2][:-2], "nonsense", "%00", "9" * 300):
        assert (await api.http.post(f"/api/v1/mails/unsubscribe/{wrong}")).status_code == 404
    await api.change("UPDATE registrations SET email_key = 'other@example.org'")
    assert (await api.http.post(f"/api/v1/mails/unsubscribe/{token}")).status_code == 404
    assert await api.rows("SELECT 1 FROM mail_optouts") == []


async def test_a_badge_is_shown_with_its_page_and_in_the_ended_mail(
    api: Api, agent: AgentDouble, post: Post, mailbox: Mailbox
) -> None:
    await api.register()
    await agent.finish("CREATE", password="pass-word-1")
    await api.change(
        "INSERT INTO badges (email_key, workshop_id, registration_id) "
        "SELECT email_key, workshop_id, id FROM registrations"
    )
    await earn_badge(api)
    await queue(api, "ended")
    await post.send_all()
    [special, ended] = mailbox.messages[-2:]
    tokens = dict(await api.rows("SELECT special_badge_id IS NULL, token FROM badges"))
    assert special["Subject"] == "You have earned a badge: Apprentice"
    assert f"http://127.0.0.1:8080/badges/{tokens[False]}" in text_of(special).splitlines()
    assert f"http://127.0.0.1:8080/badges/{tokens[True]}" in text_of(ended).splitlines()


async def test_who_has_logged_in_meanwhile_is_not_reminded(
    api: Api, agent: AgentDouble, post: Post, mailbox: Mailbox
) -> None:
    await api.register()
    await agent.finish("CREATE", password="pass-word-1")
    await post.send_all()
    await api.change("UPDATE registrations SET no_show_at = '2026-11-23T18:30:00Z'")
    await queue(api, "reminder", occasion="first")
    await post.send_all()
    assert "until Monday 23 November 2026, 18:30 UTC" in text_of(mailbox.messages[-1])
    assert "pass-word-1" not in text_of(mailbox.messages[-1])
    await api.change("UPDATE registrations SET first_login_at = now()")
    await queue(api, "reminder", occasion="second")
    await post.send_all()
    states = await api.rows("SELECT state FROM mails WHERE template = 'reminder' ORDER BY created_at")
    assert states == [("sent",), ("withheld",)]


async def test_nothing_is_mailed_to_a_person_whose_data_is_deleted(api: Api, post: Post, mailbox: Mailbox) -> None:
    await api.register()
    await api.change("UPDATE registrations SET pseudonymised_at = now()")
    await post.send_all()
    assert mailbox.messages == []
    assert await api.value("SELECT error FROM mails") == "withheld: the person's data is deleted"

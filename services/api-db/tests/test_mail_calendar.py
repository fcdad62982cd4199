"""The calendar entry in the credentials mail."""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
from api_support import AgentDouble, Api
from icalendar import Alarm, Calendar, Event
from mail_support import Mailbox, Post, listening

from wod_api_db.settings import Settings
from wod_demo.ports import free_port

PASSWORD = "pass-word-1"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with listening(mailbox, port):
        yield mailbox


async def credentials(api: Api, agent: AgentDouble, post: Post, mailbox: Mailbox) -> EmailMessage:
    await api.register(name="Ada; BEGIN:VALARM")
    await api.change(
        "UPDATE workshops SET name = 'API 101, part; one' || chr(10) || 'ATTENDEE:mailto:eve@evil.example'"
    )
    await agent.finish("CREATE", password=PASSWORD)
    await post.send_all()
    return mailbox.messages[-1]


def attached(mail: EmailMessage) -> str:
    [part] = mail.iter_attachments()
    assert isinstance(part, EmailMessage)
    assert part.get_content_type() == "text/calendar"
    assert part.get_param("method") == "PUBLISH"
    assert part.get_filename() == "session.ics"
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


async def test_it_holds_the_session_and_rings_before_its_end(
    api: Api, agent: AgentDouble, settings: Settings, port: int, mailbox: Mailbox
) -> None:
    mail = await credentials(api, agent, Post(api, settings, port), mailbox)
    text = attached(mail)
    calendar = Calendar.from_ical(text)
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    [event] = calendar.walk("VEVENT")
    assert isinstance(event, Event)
    [(identity, ready_at, duration)] = await api.rows("SELECT id, ready_at, duration FROM registrations")
    assert event["UID"] == f"registration-{identity}@127.0.0.1"
    assert event.start == ready_at.replace(microsecond=0)
    assert event.end - event.start == duration
    assert str(event["URL"]).startswith(f"http://127.0.0.1:8080/sessions/{identity}-")
    [alarm] = event.walk("VALARM")
    assert isinstance(alarm, Alarm)
    assert alarm["ACTION"] == "DISPLAY"
    assert ("END", -timedelta(minutes=15)) == (alarm.TRIGGER_RELATED, alarm.TRIGGER)


async def test_it_holds_no_password_and_no_line_of_a_stranger(
    api: Api, agent: AgentDouble, settings: Settings, port: int, mailbox: Mailbox
) -> None:
    mail = await credentials(api, agent, Post(api, settings, port), mailbox)
    text = attached(mail)
    assert PASSWORD not in text
    [event] = Calendar.from_ical(text).walk("VEVENT")
    assert event["SUMMARY"] == "API 101, part; one ATTENDEE:mailto:eve@evil.example"
    assert "ATTENDEE" not in event
    assert all(len(line.encode()) <= 75 for line in text.splitlines())


async def test_only_the_mail_with_the_password_carries_it_and_it_is_the_same_at_each_try(
    api: Api, agent: AgentDouble, settings: Settings, port: int, mailbox: Mailbox
) -> None:
    post = Post(api, settings, port)
    await credentials(api, agent, post, mailbox)
    await api.change("UPDATE mails SET state = 'queued', due_at = now() WHERE template = 'credentials'")
    await post.send_all()
    welcome, first, second = mailbox.messages
    assert list(welcome.iter_attachments()) == []
    assert first.as_bytes() == second.as_bytes()

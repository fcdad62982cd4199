"""Nothing that somebody typed adds a header, an element, a command or a line to a mail."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from api_support import AgentDouble, Api
from mail_support import Mailbox, Post, listening, read, text_of

from wod_api_db.mail.rendering import Brand, NoticeContext, NoticeLine, render
from wod_api_db.notices.service import notify
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep
from wod_demo.ports import free_port

RTL = "\u202e"
HOSTILE = [
    "Ada\r\nBcc: eve@evil.example",
    "Ada\nBCC: eve@evil.example\n\n<script>alert(1)</script>",
    "=?utf-8?q?Ada=0D=0ABcc=3A_eve=40evil=2Eexample?=",
    "=?utf-8?b?aHR0cHM6Ly9ldmlsLmV4YW1wbGU=?=",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    f"{RTL}moc.live@eve{RTL}",
    "\u2028Bcc: eve@evil.example\u2029",
    "{{ password }}{% include 'layout.html' %}",
    "Ada\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nRCPT TO:<mary@example.org>\r\nDATA",
    "$(touch /tmp/owned)`id`; DELETE FROM mails; --",
    'Ada" <eve@evil.example>, "Mary',
]
HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with listening(mailbox, port):
        yield mailbox


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_a_person_types_stays_text(
    api: Api, agent: AgentDouble, settings: Settings, port: int, mailbox: Mailbox, text: str
) -> None:
    answer = await api.register(name=text, company=text)
    if answer.status_code == 422:  # refused at the door; what is in the row all the same is no worse
        assert (await api.register()).status_code == 201
        await api.change("UPDATE registrations SET name = :text, company = :text", text=text)
    await agent.finish("CREATE", password="pass-word-1")
    await api.change("UPDATE workshops SET name = 'API ' || :text", text=text)
    async with api.sessions.begin() as session:
        await notify(session, "seat-broken", f"It was said: {text}")
    await sweep(api.sessions, "worker")
    await Post(api, settings, port).send_all()

    assert len(mailbox.messages) == 3
    for mail in mailbox.messages:
        assert set(mail.keys()) == HEADERS
        [address] = mail["To"].addresses
        assert address.addr_spec in {"ada@example.org", settings.support}
        assert "\n" not in mail["Subject"]
        for line in (*str(mail["To"]).splitlines(), *text_of(mail).splitlines()):
            assert RTL not in line
            assert not line.lower().startswith(("bcc:", "mail from", "."))
        html = text_of(mail, "html").lower()
        assert "<script" not in html
        assert "<img" not in html
    assert "pass-word-1" not in text_of(mailbox.messages[0])
    # nothing decodes to an address or a link that was not to be seen before
    assert "evil" not in str(mailbox.messages[0]["To"])


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\r\nBcc: eve@evil.example",
        "ada@example.org,eve@evil.example",
        "ada@example.org>\r\nRCPT TO:<eve@evil.example",
        "<script>@example.org",
        f"{RTL}ada@example.org",
        '"BCC: eve@evil.example"@example.org',
        "ada@[127.0.0.1]",
        "$(id)@example.org\x00",
    ],
)
async def test_an_address_that_is_more_than_one_gets_no_mail(api: Api, address: str) -> None:
    assert (await api.register(address)).status_code == 422
    assert await api.rows("SELECT 1 FROM mails") == []


@pytest.mark.parametrize("text", HOSTILE)
def test_a_notice_in_somebody_elses_words_stays_text(text: str) -> None:
    """Such as an operator's announcement, or what a mail server answered."""
    line = NoticeLine(kind="seat-broken", at=datetime(2026, 11, 23, tzinfo=UTC), text=text)
    brand = Brand(name="Workshops", portal_url="https://wod.example.org", support="help@example.org")
    message = render(
        "notice",
        NoticeContext(brand=brand, recipient_name="", notices=[line]),
        recipient="operator@example.org",
        message_id="<17@wod.example.org>",
        date=datetime(2026, 11, 23, tzinfo=UTC),
        sender="no-reply@example.org",
    )
    mail = read(message.as_bytes())
    assert set(mail.keys()) == HEADERS
    assert "<script" not in text_of(mail, "html")
    assert RTL not in text_of(mail)


async def test_a_servers_hostile_answer_is_kept_as_one_plain_line(
    api: Api, settings: Settings, port: int, mailbox: Mailbox
) -> None:
    await api.register()
    mailbox.refused["ada@example.org"] = f"550 <script>alert(1)</script> {RTL}\x1b[2J " + "long " * 80
    await Post(api, settings, port).send_all()
    error = await api.value("SELECT error FROM mails")
    assert error.startswith("550 <script>")
    assert error.isprintable()

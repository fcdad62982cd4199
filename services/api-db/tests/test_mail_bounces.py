"""Mails that come back: what other people's mail servers send, and what somebody who means ill sends instead."""

from email.message import EmailMessage
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from api_support import ADMIN, AGENT, Api
from hypothesis import given, settings
from hypothesis import strategies as st

from wod_api_db.mail.bounces import LARGEST_REPORT, NoReport, Report, read_report

FOLDER = Path(__file__).parent / "bounces"
MAIL = UUID("8d1f2c53-5a54-4a6e-9d0b-6f3b9f9a0c11")
FAILURES = {
    "postfix_refused": (
        "550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in virtual mailbox table"
    ),
    "postfix_envelope": "5.2.2",
    "exchange_quota": "554 5.2.2 mailbox full; QuotaExceededException; cannot open mailbox",
    "qmail_refused": "192.0.2.25 does not like recipient. Remote host said: 550 no mailbox by that name",
}


def letter(name: str, mail: UUID = MAIL) -> bytes:
    return (FOLDER / f"{name}.eml").read_bytes().replace(b"@MAIL@", str(mail).encode())


@pytest.fixture
async def headers(api: Api) -> dict[str, str]:
    return await api.login(ADMIN)


async def sent(api: Api) -> UUID:
    """A mail that the relay has taken."""
    await api.register()
    await api.change("UPDATE mails SET state = 'sent', sent_at = now()")
    identity = await api.value("SELECT id FROM mails")
    assert isinstance(identity, UUID)
    return identity


async def post(api: Api, headers: dict[str, str], body: bytes, kind: str = "message/rfc822") -> httpx.Response:
    return await api.http.post("/api/v1/mails/bounces", content=body, headers=headers | {"Content-Type": kind})


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("name", "words"), FAILURES.items())
def test_a_report_names_the_mail_and_the_reason(name: str, words: str, line_end: bytes) -> None:
    assert read_report(letter(name).replace(b"\n", line_end)) == Report(MAIL, True, words)


def test_a_delay_is_no_failure() -> None:
    assert read_report(letter("postfix_delayed")) == Report(MAIL, False, "")


def test_a_report_on_somebody_elses_mail_names_none_of_ours() -> None:
    assert read_report(letter("postfix_refused").replace(b"@workshops-on-demand", b"@elsewhere.example")).mail is None


@pytest.mark.parametrize("body", [letter("holiday"), b"", b"\x00\xff" * 40, b"Content-Type: multipart/report\n\n--x"])
def test_what_is_no_report_is_refused(body: bytes) -> None:
    with pytest.raises(NoReport):
        read_report(body)


def test_an_answer_that_names_the_mail_in_its_own_headers_only_is_no_failure_of_it() -> None:
    body = letter("exchange_quota").replace(b"Message-ID:\n\t<" + str(MAIL).encode(), b"Message-ID:\n\t<x")
    assert read_report(body).mail is None


def test_parts_within_parts_end_somewhere() -> None:
    deep = b"Content-Type: message/rfc822\n\n" * 8000
    with pytest.raises(NoReport):
        read_report(deep[:LARGEST_REPORT])


HEADERS = ("Content-Type", "Content-Transfer-Encoding", "Action", "Status", "Diagnostic-Code", "Original-Envelope-Id")


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400), st.sampled_from(sorted(FAILURES)), st.integers(0, 3000))
def test_no_damage_to_a_report_breaks_its_reader(noise: bytes, name: str, place: int) -> None:
    body = letter(name)
    try:
        report = read_report(body[:place] + noise + body[place + len(noise) :])
    except NoReport:
        return
    report.words.encode()  # what cannot be encoded would not reach the database
    assert "\x00" not in report.words


async def test_a_bounce_is_in_the_row_the_story_a_notice_and_the_persons_page(
    api: Api, headers: dict[str, str]
) -> None:
    identity = await sent(api)
    for _ in range(2):  # mail servers repeat themselves
        answer = await post(api, headers, letter("postfix_refused", identity))
        assert answer.json() == {"mail": str(identity), "outcome": "bounced"}
    [(state, bounced, error)] = await api.rows("SELECT state, bounced_at IS NOT NULL, error FROM mails")
    assert (state, bounced, error) == ("sent", True, FAILURES["postfix_refused"])
    events = await api.rows("SELECT data FROM registration_events WHERE type = 'mail-bounced'")
    assert events == [({"template": "welcome"},)]
    [(kind, text)] = await api.rows("SELECT kind, text FROM notices")
    assert kind == "mail-bounced"
    assert "User unknown" in text
    registrations = (await api.http.get("/api/v1/mails", headers=headers)).json()["items"][0]["registration_id"]
    assert registrations == await api.value("SELECT id FROM registrations")


async def test_a_delay_changes_nothing(api: Api, headers: dict[str, str]) -> None:
    identity = await sent(api)
    answer = await post(api, headers, letter("postfix_delayed", identity))
    assert answer.json() == {"mail": str(identity), "outcome": "no-failure"}
    assert await api.rows("SELECT bounced_at, error FROM mails") == [(None, None)]


async def test_a_notices_mail_that_comes_back_makes_no_notice(api: Api, headers: dict[str, str]) -> None:
    identity = await sent(api)
    await api.change("UPDATE mails SET registration_id = NULL")
    assert (await post(api, headers, letter("qmail_refused", identity))).status_code == 200
    assert await api.rows("SELECT bounced_at IS NOT NULL FROM mails") == [(True,)]
    assert await api.rows("SELECT 1 FROM notices") == []


async def test_an_unknown_mail_is_told_and_so_is_what_is_no_report(api: Api, headers: dict[str, str]) -> None:
    assert (await post(api, headers, letter("postfix_refused", uuid4()))).status_code == 404
    assert (await post(api, headers, letter("holiday"))).status_code == 422
    assert (await post(api, headers, b"")).status_code == 422
    assert (await post(api, headers, letter("qmail_refused"), "application/json")).status_code == 415
    assert (await post(api, headers, b"x" * (LARGEST_REPORT + 1))).status_code == 413


async def test_only_operators_may_say_that_a_mail_has_come_back(api: Api) -> None:
    body = letter("postfix_refused", await sent(api))
    assert (await post(api, {}, body)).status_code == 401
    assert (await post(api, await api.login(AGENT), body)).status_code == 403
    assert await api.rows("SELECT bounced_at FROM mails") == [(None,)]


async def test_hostile_words_reach_the_row_as_plain_text(api: Api, headers: dict[str, str]) -> None:
    identity = await sent(api)
    body = letter("postfix_refused", identity).replace(
        b"550 5.1.1", b"550 \x00\x1b[31m\xff\xfe <script>alert(1)</script> \xe2\x80\xae =?utf-8?q?x?= " + b"long " * 999
    )
    assert (await post(api, headers, body)).status_code == 200
    error = await api.value("SELECT error FROM mails")
    assert len(error) <= 500
    assert error.isprintable()


@pytest.mark.parametrize("place", range(0, 2000, 400))
async def test_a_damaged_report_is_answered_without_breaking(api: Api, headers: dict[str, str], place: int) -> None:
    body = letter("postfix_refused", await sent(api))
    for noise in (b"\x00", b"\xff\xfe\r\n\r\n", b"Content-Type: message/rfc822\n\n", b"boundary*99999999999=x; "):
        answer = await post(api, headers, body[:place] + noise * 20 + body[place:])
        assert answer.status_code in {200, 404, 422}


async def test_a_report_with_a_thousand_parts_is_read_in_time(api: Api, headers: dict[str, str]) -> None:
    message = EmailMessage()
    message.set_content("x")
    message.make_mixed()
    for _ in range(1000):
        message.add_attachment("y")
    assert (await post(api, headers, message.as_bytes())).status_code == 422

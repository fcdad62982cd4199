from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from api_support import settings_for
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, UndefinedError
from pydantic import SecretStr, ValidationError

from wod_api_db.mail import rendering
from wod_api_db.mail.rendering import Brand, MailContext, SpecialBadgeLine, in_words, moment, render

#: where the one button of each mail leads
GOALS = {
    "welcome": "session_url",
    "credentials": "lab_url",
    "expiring": "lab_url",
    "ended": "catalogue_url",
    "failed": "catalogue_url",
    "already": "session_url",
    "reminder": "lab_url",
    "special-badge": "catalogue_url",
    "waiting": "session_url",
    "offer": "session_url",
    "offer-lapsed": "catalogue_url",
    "offer-withdrawn": "session_url",
    "wait-over": "catalogue_url",
}
TEMPLATES = list(GOALS)
PASSWORD = 'k7"Rw<x9-&4p'


def context(**changes: Any) -> MailContext:
    values: dict[str, Any] = {
        "brand": Brand(name="Workshops", portal_url="https://wod.example.org", support="help@example.org"),
        "recipient_name": "Ada Martin",
        "workshop_name": "API 101: speak REST fluently",
        "workshop": "WKSHP-API101",
        "catalogue_url": "https://wod.example.org/workshops",
        "username": "student7",
        "password": SecretStr(PASSWORD),
        "lab_url": "https://lab.example.org/hub/user/student7/lab",
        "session_url": "https://wod.example.org/sessions/1234-8f2c0a6be1d94c7f9a10",
        "ends_at": datetime(2026, 11, 23, 18, 30, tzinfo=UTC),
        "kept_until": datetime(2026, 11, 23, 17, 0, tzinfo=UTC),
        "special_badge": SpecialBadgeLine(name="Hero", title="Workshops Hero", description="Seven workshops."),
        "duration": timedelta(hours=2),
        "offer_limit": timedelta(minutes=15),
        "offer_ends_at": datetime(2026, 11, 23, 16, 45, tzinfo=UTC),
        "completion": 75,
        "reason": "The workshop's notebooks hold an error.",
    }
    return MailContext(**(values | changes))


def mail(template: str, of: MailContext, recipient: str = "ada@example.org") -> EmailMessage:
    return render(
        template,
        of,
        recipient=recipient,
        message_id="<17@wod.example.org>",
        date=datetime(2026, 11, 23, 16, 30, tzinfo=UTC),
        sender="Workshops <no-reply@example.org>",
    )


def received(message: EmailMessage) -> EmailMessage:
    parsed = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(message: EmailMessage, kind: str) -> str:
    body = received(message).get_body((kind,))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content


class _Page(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self, css_class: str) -> list[str | None]:
        return [attrs["href"] for tag, attrs in self.tags if tag == "a" and attrs.get("class") == css_class]


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_mail_has_one_headline_and_one_button(template: str) -> None:
    page = _Page(part(mail(template, context()), "html"))
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert page.links("button") == [getattr(context(), GOALS[template])]


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_text_stands_alone_with_each_link_on_a_line_of_its_own(template: str) -> None:
    text = part(mail(template, context()), "plain")
    assert getattr(context(), GOALS[template]) in text.splitlines()
    assert all(line.startswith("https://") and " " not in line for line in text.splitlines() if "://" in line)
    assert "<" not in text.replace(PASSWORD, "")
    assert "&amp;" not in text


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_style_is_inlined_and_dark_mode_is_kept_beside_it(template: str) -> None:
    page = _Page(part(mail(template, context()), "html"))
    assert all(attrs.get("style") for tag, attrs in page.tags if tag in {"h1", "p", "body"})
    assert "prefers-color-scheme:dark" in page.text.replace(" ", "")


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_mail_sent_again_is_the_same_mail(template: str) -> None:
    first, second = mail(template, context()), mail(template, context())
    assert first.as_bytes() == second.as_bytes()


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_is_seven_bit_with_short_lines(template: str) -> None:
    lines = mail(template, context(recipient_name="Zoë Ångström", workshop_name="Prêt à 101")).as_bytes().split(b"\r\n")
    assert all(line.isascii() and len(line) <= 998 and b"\n" not in line for line in lines)


def test_the_headers_say_what_the_row_says() -> None:
    message = received(mail("credentials", context()))
    assert message["Message-ID"] == "<17@wod.example.org>"
    assert message["Date"].datetime == datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == "Your lab is ready: API 101: speak REST fluently"
    assert message["To"].addresses[0].display_name == "Ada Martin"
    assert message["From"].addresses[0].addr_spec == "no-reply@example.org"


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name != "credentials"])
def test_only_the_credentials_mail_holds_the_password(template: str) -> None:
    message = mail(template, context(password=SecretStr("sesame-7f3")))
    assert "sesame-7f3" not in part(message, "plain") + part(message, "html")


def test_another_template_cannot_name_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering._TEXT, "loader", DictLoader({"welcome/subject.txt": "{{ password }}"}))
    with pytest.raises(UndefinedError, match="password"):
        mail("welcome", context())


def test_the_credentials_mail_shows_the_password_as_it_is_typed() -> None:
    message = mail("credentials", context())
    assert f"Password:  {PASSWORD}" in part(message, "plain").splitlines()
    assert PASSWORD in _Page(part(message, "html")).text


@pytest.mark.parametrize(
    ("template", "missing"),
    [("credentials", "password"), ("credentials", "lab_url"), ("expiring", "ends_at"), ("welcome", "session_url")],
)
def test_what_a_template_needs_and_lacks_is_an_error(template: str, missing: str) -> None:
    with pytest.raises(UndefinedError, match=missing):
        mail(template, context(**{missing: None}))


def test_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(ValidationError):
        context(pasword="x")


def test_before_the_clock_starts_the_mail_names_the_duration_alone() -> None:
    text = part(mail("credentials", context(ends_at=None)), "plain")
    assert "It is yours for 2 hours, from now on." in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("welcome", "within a minute. The lab is yours until the class is over.\r\n\r\nWatch"),
        ("credentials", "It is yours until the class is over, "),
    ],
)
def test_a_lab_of_a_class_ends_with_it(template: str, says: str) -> None:
    message = mail(template, context(duration=None))
    assert says in part(message, "plain")
    assert "until the class is over" in _Page(part(message, "html")).text


def test_markup_in_a_name_stays_text() -> None:
    page = _Page(part(mail("welcome", context(recipient_name="Ada <script>", workshop_name="<img src=x>")), "html"))
    assert "Hello Ada <script>," in page.text
    assert not {"script", "img"} & {tag for tag, _ in page.tags}


@pytest.mark.parametrize("name", ["Win at https://evil.example", "evil.example", "write to a@b", "www.evil.com now"])
def test_a_name_that_is_an_advertisement_is_not_passed_on(name: str) -> None:
    message = mail("welcome", context(recipient_name=name))
    assert "evil" not in str(message["To"])
    assert part(message, "plain").splitlines()[0] == "Hello,"


def test_a_line_break_in_a_name_adds_no_header() -> None:
    message = received(
        mail("welcome", context(recipient_name="Ada\r\nBcc: eve@example.org", workshop_name="A\nX-Evil: 1"))
    )
    assert message["Bcc"] is None
    assert message["X-Evil"] is None
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.org"]


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=120), st.text(max_size=120))
def test_no_text_of_a_person_changes_the_mails_structure(name: str, title: str) -> None:
    message = received(mail("already", context(recipient_name=name, workshop_name=title)))
    plain = received(mail("already", context()))
    assert message.keys() == plain.keys()
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.org"]
    tags = [tag for tag, _ in _Page(part(message, "html")).tags]
    assert tags == [tag for tag, _ in _Page(part(plain, "html")).tags]


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=1.5), "1 hour 30 minutes"),
        (timedelta(seconds=72), "1 minute 12 seconds"),
        (timedelta(days=2), "48 hours"),
        (timedelta(0), "0 seconds"),
    ],
)
def test_durations_are_said_in_words(duration: timedelta, said: str) -> None:
    assert in_words(duration) == said


def test_moments_are_said_in_utc() -> None:
    assert moment(datetime.fromisoformat("2026-11-03T01:05:00+02:00")) == "Monday 2 November 2026, 23:05 UTC"


def branded(**changes: Any) -> Brand:
    values = {"name": "Tech Days", "portal_url": "https://wod.example.org", "support": "help@example.org"}
    return Brand.model_validate(values | changes)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_brand_is_in_every_mail(template: str) -> None:
    links = {"Imprint": "https://example.org/imprint?a=1&b=2"}
    brand = branded(accent="#003366", logo_url="https://example.org/logo.png", footer="Ex & Co", footer_links=links)
    message = mail(template, context(brand=brand))
    text = part(message, "plain")
    for line in ("Tech Days", "Questions: help@example.org", "Ex & Co", "Imprint:", links["Imprint"]):
        assert line in text.splitlines()
    page = _Page(part(message, "html"))
    [picture] = [attrs for tag, attrs in page.tags if tag == "img"]
    assert (picture["src"], picture["alt"]) == ("https://example.org/logo.png", "Tech Days")
    assert ("a", links["Imprint"]) in [(tag, attrs.get("href")) for tag, attrs in page.tags]
    assert "Ex & Co" in page.text
    html = part(message, "html")
    assert "#003366" in html
    assert "#b83a0e" not in html


@pytest.mark.parametrize(
    "wrong", [{"accent": "red;}"}, {"logo_url": "javascript:alert(1)"}, {"footer_links": {"x": "javascript:alert(1)"}}]
)
def test_a_brand_that_would_break_the_mails_is_refused_at_the_start(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        settings_for("postgresql://localhost/wod", tmp_path / "key.pem", **wrong)


def test_a_long_unsubscribe_link_is_one_word_on_one_line() -> None:
    link = f"https://wod.example.org/mail/unsubscribe/{'7' * 200}"
    message = mail("ended", context(unsubscribe_url=link))
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in message.as_bytes()
    assert f"List-Unsubscribe: <{link}>" in message.as_string().splitlines()
    assert link in part(message, "plain").splitlines()


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_mail_says_that_a_machine_wrote_it(template: str) -> None:
    assert received(mail(template, context()))["Auto-Submitted"] == "auto-generated"

"""A template and its context become a message that is the same, byte for byte, at every sending."""

import hashlib
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Any

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr

#: Headers that hold one long word: the usual folding would turn it into encoded-words, which nobody decodes there.
_UNFOLDED = frozenset({"list-unsubscribe"})


class _Policy(EmailPolicy):
    def fold(self, name: str, value: str) -> str:
        return f"{name}: {value}{self.linesep}" if name.lower() in _UNFOLDED else super().fold(name, value)

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii") if name.lower() in _UNFOLDED else super().fold_binary(name, value)


#: Relays need not know 8BITMIME.
_POLICY = _Policy(linesep="\r\n", cte_type="7bit")
#: A "name" that mail programs would turn into a link: registrations must not carry a stranger's advertisement.
#: An encoded-word could hold one that is seen only after its decoding.
_LOOKS_LIKE_A_LINK = re.compile(r"[/@\\]|\w\.\w{2}|=\?")
_CREDENTIALS = "credentials"


class Brand(BaseModel):
    """Who writes, and how it looks. ``support`` is the address for questions, ``footer_links`` texts to addresses."""

    model_config = ConfigDict(frozen=True)

    name: str
    portal_url: str
    support: str
    accent: str = "#b83a0e"
    accent_dark: str = "#ff8a5c"
    logo_url: str | None = None
    footer: str = ""
    footer_links: dict[str, str] = {}


class Context(BaseModel):
    """What the templates may name. A field that is None is undefined for them: to use it is an error, not an empty place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brand: Brand
    recipient_name: str
    #: of mails that a session works without: where one click ends them
    unsubscribe_url: str | None = None


class SpecialBadgeLine(BaseModel):
    """A badge for many workshops; ``url`` is its page."""

    name: str
    title: str
    description: str = ""
    url: str | None = None


class MailContext(Context):
    """For mails about a registration."""

    #: the workshop's title, and its folder
    workshop_name: str
    workshop: str
    catalogue_url: str
    #: the seat's account, ``student<N>``
    username: str | None = None
    #: credentials only; any other template never sees it
    password: SecretStr | None = None
    lab_url: str | None = None
    #: the personal page of the registration
    session_url: str | None = None
    #: when the lab was ready
    starts_at: AwareDatetime | None = None
    #: None before the clock has started
    ends_at: AwareDatetime | None = None
    #: reminder: until when the seat waits for its person
    kept_until: AwareDatetime | None = None
    #: None for a lab of a class
    duration: timedelta | None = None
    #: of one that waits: how long an offer is kept; offer: until when this one is
    offer_limit: timedelta | None = None
    offer_ends_at: AwareDatetime | None = None
    #: ended: per cent of the code cells that were run
    completion: int | None = None
    #: ended: the page of the workshop's badge, where it was earned
    badge_url: str | None = None
    special_badge: SpecialBadgeLine | None = None
    #: failed: one sentence fit to show
    reason: str | None = None
    #: already: the personal page, which offers the workshop that was asked for in the place of this one
    instead_url: str | None = None
    #: one per registration, the same in each of its calendar entries
    calendar_uid: str | None = None


class ClassContext(Context):
    """For the mails of a class."""

    class_title: str
    workshop_name: str
    instructor: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    opens_at: AwareDatetime
    join_url: str
    code: str
    #: an earlier invitation said something else
    changed: bool
    #: class-ended: how many took part of how many seats, and how far they got, in per cent
    seats: int
    took_part: int
    completion: int | None = None
    #: one per class, the same in each of its calendar entries, which count up
    calendar_uid: str
    revision: int


class NoticeLine(BaseModel):
    kind: str
    at: AwareDatetime
    text: str


class NoticeContext(Context):
    """For mails to the operator."""

    notices: list[NoticeLine]


def in_words(duration: timedelta) -> str:
    """``1 hour 30 minutes``; seconds only below an hour."""
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (0 if hours else seconds, "second")]
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return " ".join(said) or "0 seconds"


def moment(when: datetime) -> str:
    """``Monday 23 November 2026, 18:30 UTC``: a mail cannot know its reader's time zone."""
    utc = when.astimezone(UTC)
    return f"{utc:%A} {utc.day} {utc:%B %Y, %H:%M} UTC"


def _environment(*, html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("wod_api_db.mail"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]) if html else False,  # noqa: S701 - plain text has nothing to escape
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"in_words": in_words, "moment": moment}
    return environment


_TEXT = _environment(html=False)
_HTML = _environment(html=True)
_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def render(
    template: str,
    context: Context,
    *,
    recipient: str,
    message_id: str,
    date: datetime,
    sender: str,
    calendar: str | None = None,
) -> EmailMessage:
    """The mail in text and HTML. ``template`` names a folder below ``templates``, ``calendar`` is a file to attach.

    ``message_id`` with its angle brackets and ``date`` are kept on the mail's row, so that a mail sent twice is one mail
    to its reader. Raises jinja2.UndefinedError where the context lacks what the template needs.
    """
    values = _values(template, context)
    message = EmailMessage(_POLICY)
    message["From"] = sender
    message["To"] = Address(display_name=values["recipient_name"], addr_spec=recipient)
    # what looks like an encoded-word would be decoded by the reader
    message["Subject"] = one_line(_TEXT.get_template(f"{template}/subject.txt").render(values)).replace("=?", "= ?")
    message["Date"] = date
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    if context.unsubscribe_url is not None:  # RFC 8058
        message["List-Unsubscribe"] = f"<{context.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(_TEXT.get_template(f"{template}/body.txt").render(values))
    html = _HTML.get_template(f"{template}/body.html").render(values)
    message.add_alternative(_INLINER.inline(html), subtype="html")
    if calendar is not None:
        method = "CANCEL" if "METHOD:CANCEL" in calendar else "PUBLISH"
        message.add_attachment(calendar, subtype="calendar", filename="session.ics", params={"method": method})
    _set_boundaries(message, message_id)
    return message


def _set_boundaries(message: EmailMessage, message_id: str) -> None:
    parts = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(parts):
        part.set_boundary(hashlib.sha256(f"{number}{message_id}".encode()).hexdigest()[:40])


def _values(template: str, context: Context) -> dict[str, Any]:
    values = {key: _harmless(value) for key, value in context.model_dump(exclude_none=True).items()}
    values["recipient_name"] = _name(context.recipient_name)
    password = values.pop("password", None)
    if template == _CREDENTIALS and password is not None:
        values["password"] = password.get_secret_value()
    return values


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, dict):
        return {key: _harmless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_harmless(item) for item in value]
    return value


def one_line(text: str) -> str:
    """Without line breaks and control, format and unassigned characters: none can end a header or turn the writing."""
    kept = (character if unicodedata.category(character)[0] != "C" else " " for character in text)
    return " ".join("".join(kept).split())


def _name(text: str) -> str:
    name = one_line(text)
    return "" if _LOOKS_LIKE_A_LINK.search(name) else name

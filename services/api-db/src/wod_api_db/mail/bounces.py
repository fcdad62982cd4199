"""Reads what a mail server sends back: delivery status notifications (RFC 3464), and qmail's plain letters.

All of it comes from strangers. Only what names a mail of ours *in the report or in the returned mail* counts: an
answer of a person, or of somebody's holiday notice, names it in its own headers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.parser import HeaderParser
from uuid import UUID

from wod_api_db.mail.outbox import mail_of
from wod_api_db.mail.rendering import one_line

#: A returned mail of ours is some 40 kB; reports that return more are cut or sent without it by most servers.
LARGEST_REPORT = 262_144
#: How far a report is looked into; a real one is three levels deep.
_DEEPEST = 10
#: qmail's letters have no parts: a greeting that is always the same, then a paragraph per address.
_QMAIL = re.compile(r"\AHi\. This is the .{1,200}", re.DOTALL)
_QMAIL_ADDRESS = re.compile(r"^<[^>\n]{1,300}>:\n((?:[^\n]+\n)+)", re.MULTILINE)
_QMAIL_COPY = re.compile(r"^--- .*\n+", re.MULTILINE)


class NoReport(Exception):
    """This is no report on a mail; the message says what is missing."""


@dataclass(frozen=True)
class Report:
    """``mail`` is None where none of ours is named. ``words`` is why, as the server says it; empty without a failure."""

    mail: UUID | None
    failed: bool
    words: str


def read_report(raw: bytes) -> Report:
    """Raises NoReport."""
    try:
        return _read(message_from_bytes(raw))
    except NoReport:
        raise
    except Exception as error:  # noqa: BLE001 - the library's parser raises what it likes on hostile mails
        unreadable = type(error).__name__
    raise NoReport(f"the mail cannot be read: {unreadable}")


def _read(message: Message) -> Report:
    parts = list(_parts(message))
    status = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    if status is not None:
        return _standard(status, parts)
    text = _text(message) if message.get_content_maintype() == "text" else ""
    if _QMAIL.match(text):
        return _qmail(text)
    raise NoReport("the mail has no part message/delivery-status, and is no letter of qmail either")


def _parts(message: Message, depth: int = 0) -> Iterator[Message]:
    yield message
    payload = message.get_payload()
    if isinstance(payload, list) and depth < _DEEPEST:
        for part in payload:
            if isinstance(part, Message):
                yield from _parts(part, depth + 1)


def _standard(status: Message, parts: list[Message]) -> Report:
    blocks = status.get_payload()
    if not isinstance(blocks, list):
        raise NoReport("the part message/delivery-status is empty")
    fields = [block for block in blocks if isinstance(block, Message)]
    if not any(block.get("Action") for block in fields):
        raise NoReport("the part message/delivery-status names no Action")
    failed = [block for block in fields if str(block["Action"]).strip().lower() == "failed"]
    envelope = mail_of(str(fields[0].get("Original-Envelope-Id", "")))
    return Report(envelope or _returned(parts), bool(failed), _words(failed[0]) if failed else "")


def _words(block: Message) -> str:
    """``550 5.1.1 no such user``, without the ``smtp;`` before it; the bare status where nothing is said."""
    diagnostic = str(block.get("Diagnostic-Code", "")).partition(";")[2]
    said = one_line(diagnostic) or one_line(str(block.get("Status", "")))
    return said or "the report gives no reason"


def _returned(parts: list[Message]) -> UUID | None:
    """The mail of ours that came back, whole or its headers alone."""
    for part in parts:
        kind = part.get_content_type()
        if kind == "text/rfc822-headers":
            headers = HeaderParser().parsestr(_text(part))
        elif kind in {"message/rfc822", "message/rfc822-headers", "message/global", "message/global-headers"}:
            payload = part.get_payload()
            headers = payload[0] if isinstance(payload, list) and isinstance(payload[0], Message) else part
        else:
            continue
        found = mail_of(str(headers.get("Message-ID", "")))
        if found is not None:
            return found
    return None


def _qmail(text: str) -> Report:
    said, returned = text, ""
    copy = _QMAIL_COPY.search(text)
    if copy is not None:
        said, returned = text[: copy.start()], text[copy.end() :]
    address = _QMAIL_ADDRESS.search(said)
    words = one_line(address[1]) if address else "the report gives no reason"
    return Report(mail_of(str(HeaderParser().parsestr(returned).get("Message-ID", ""))), True, words)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return text.replace("\r\n", "\n")

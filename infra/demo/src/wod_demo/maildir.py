"""The mail catcher's store: a Maildir, and what a page needs of each mail."""

import email
import email.policy
import email.utils
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

#: Shown of one part; a larger one is cut on the page, never in the file.
SHOWN_LIMIT = 1_000_000


class NoSuchMail(KeyError):
    """No mail has this id."""


@dataclass(frozen=True)
class Summary:
    id: str
    at: datetime
    sender: str
    recipients: str
    subject: str
    size: int


@dataclass(frozen=True)
class Mail:
    summary: Summary
    headers: list[tuple[str, str]]
    text: str | None
    html: str | None


class Maildir:
    """Ids sort by arrival. Files put there by other programs are seen too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._summaries: dict[str, Summary] = {}
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def deliver(self, content: bytes, sender: str, recipients: Iterable[str]) -> str:
        """Returns the id once the mail would survive a power cut."""
        name = f"{time.time_ns():020d}.{secrets.token_hex(4)}.localhost"
        envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {recipient}" for recipient in recipients)]
        with (self.folder / "tmp" / name).open("xb") as file:
            file.write("".join(f"{line}\r\n" for line in envelope).encode() + content)
            file.flush()
            os.fsync(file.fileno())
        (self.folder / "tmp" / name).rename(self.folder / "new" / name)
        _sync_folder(self.folder / "new")
        return name

    def newest_first(self) -> list[Summary]:
        """Reads only the mails that are new since the last call."""
        names = {entry.name for entry in os.scandir(self.folder / "new") if entry.is_file(follow_symlinks=False)}
        self._summaries = {name: known for name, known in self._summaries.items() if name in names}
        for name in names - self._summaries.keys():
            self._summaries[name] = _summary(name, (self.folder / "new" / name).read_bytes())
        return sorted(self._summaries.values(), key=lambda summary: summary.id, reverse=True)

    def read(self, mail_id: str) -> Mail:
        """Raises NoSuchMail."""
        self.newest_first()
        if mail_id not in self._summaries:
            raise NoSuchMail(mail_id)
        content = (self.folder / "new" / mail_id).read_bytes()
        message = _parse(content)
        return Mail(
            summary=_summary(mail_id, content),
            headers=[(name, _printable(value)) for name, value in message.raw_items()],
            text=_body(message, "plain"),
            html=_body(message, "html"),
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _printable(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def _header(message: EmailMessage, name: str) -> str:
    """The decoded header, or as much of a broken one as can be shown."""
    try:
        return _printable(message[name] or "")
    except (ValueError, IndexError, AttributeError, LookupError):  # what the standard parser raises on hostile headers
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return _printable(raw)


def _summary(name: str, content: bytes) -> Summary:
    message = _parse(content)
    arrived = name.partition(".")[0]
    seconds = int(arrived) / 1e9 if arrived.isascii() and arrived.isdigit() else 0.0
    return Summary(
        id=name,
        at=datetime.fromtimestamp(seconds, UTC),
        sender=_header(message, "From"),
        recipients=_header(message, "To"),
        subject=_header(message, "Subject"),
        size=len(content),
    )


def _body(message: EmailMessage, subtype: str) -> str | None:
    try:
        part = message.get_body((subtype,))
        payload = part.get_content() if part is not None else None
    except (ValueError, KeyError, LookupError, AttributeError, UnicodeError):  # an unknown charset, a broken part
        payload = message.get_payload(decode=True)
    if isinstance(payload, bytes):
        payload = payload.decode("utf-8", "replace")
    return _printable(payload)[:SHOWN_LIMIT] if isinstance(payload, str) else None

"""The states of an outgoing mail."""

from enum import StrEnum


class MailState(StrEnum):
    """``sending`` is a claim with a lease: past it the mail is taken up again."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"

"""The states of an outgoing mail."""

from enum import StrEnum


class MailState(StrEnum):
    """``sending`` is a claim with a lease: past it the mail is taken up again.

    ``failed`` was refused or given up; ``withheld`` had lost its reason before it left, and never leaves.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    WITHHELD = "withheld"

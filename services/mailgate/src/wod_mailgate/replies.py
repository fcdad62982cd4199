"""What the gate answers: codes of RFC 5321 with the enhanced status of RFC 3463."""

from enum import StrEnum

#: RFC 5321 allows 512 octets a reply line, code and line end included
_TEXT_LIMIT = 450


class Code(StrEnum):
    TAKEN = "250 2.0.0"
    RECIPIENT_TAKEN = "250 2.1.5"
    CLOSING = "421 4.3.2"
    TOO_MANY_CONNECTIONS = "421 4.7.0"
    TOO_SLOW = "421 4.4.2"
    TOO_MANY_REFUSALS = "421 4.7.1"
    TRY_AGAIN = "451 4.3.0"
    TOO_MANY_RECIPIENTS = "452 4.5.3"
    WRONG_LOGIN = "535 5.7.8"
    NO_SUCH_RECIPIENT = "550 5.1.1"
    BAD_LINE_END = "550 5.5.2"
    TOO_LARGE = "552 5.3.4"
    REFUSED = "550 5.7.1"


class Refused(Exception):
    """For good: the same mail would be refused again. The message is shown to the sender."""


class Unavailable(Exception):
    """For now: the sender keeps the mail and tries again. The message is shown to the sender."""


def reply(code: Code, text: str) -> str:
    """One line of printable ASCII, whatever ``text`` holds: it may come from the agent or echo a mail."""
    printable = "".join(c if " " <= c <= "~" else "?" for c in " ".join(text.split()))
    return f"{code} {printable[:_TEXT_LIMIT]}"

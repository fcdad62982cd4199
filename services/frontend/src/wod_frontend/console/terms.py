"""What the wire calls things, in words, and how grave it is."""

from typing import Any

from wod_frontend.language import gettext, later

#: value on the wire: (words, kind of ``ui.status``)
STATES: dict[str, tuple[str, str]] = {
    "waiting": (later("waiting"), "wait"),
    "offered": (later("offered"), "wait"),
    "registered": (later("registered"), "plain"),
    "deploying": (later("being prepared"), "wait"),
    "running": (later("running"), "ok"),
    "expiring": (later("ends soon"), "wait"),
    "ended": (later("ended"), "plain"),
    "failed": (later("failed"), "bad"),
    "cancelled": (later("cancelled"), "plain"),
    "free": (later("free"), "plain"),
    "preparing": (later("being made ahead"), "wait"),
    "ready": (later("ready"), "ok"),
    "assigned": (later("taken"), "ok"),
    "cleaning": (later("being cleaned"), "wait"),
    "resetting": (later("being reset"), "wait"),
    "broken": (later("broken"), "bad"),
    "queued": (later("waits to be sent"), "wait"),
    "sending": (later("being sent"), "wait"),
    "sent": (later("sent"), "ok"),
    "accepted": (later("taken up"), "wait"),
    "done": (later("done"), "ok"),
    "superseded": (later("overtaken"), "plain"),
    "withheld": (later("withheld"), "plain"),
    "booked": (later("booked"), "plain"),
    "open": (later("open"), "ok"),
    "bounced": (later("came back"), "bad"),
}
#: What is chosen from a list and is no state.
CHOICES: dict[str, str] = {
    "true": later("yes"),
    "false": later("no"),
    "instructor": later("instructor"),
    "moderator": later("moderator"),
    "admin": later("admin"),
    "agent": later("agent"),
    "user": later("user without a console"),
    "smtp": later("mail"),
    "rest": later("REST, straight to the agent"),
}
END_REASONS: dict[str, str] = {
    "time": later("the time was over"),
    "person": later("the person ended it"),
    "operator": later("an operator ended it"),
    "no-show": later("nobody has ever signed in"),
}


def state_word(value: Any) -> str:
    known = STATES.get(str(value))
    return gettext(known[0]) if known else str(value)


def state_kind(value: Any) -> str:
    known = STATES.get(str(value))
    return known[1] if known else "plain"


def choice_word(value: Any) -> str:
    """A verb of the wire stays as it is: operators know it by that name."""
    text = str(value)
    return gettext(CHOICES[text]) if text in CHOICES else state_word(text)


def reason_word(value: str | None) -> str:
    return gettext(END_REASONS[value]) if value in END_REASONS else value or ""

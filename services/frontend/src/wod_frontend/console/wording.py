"""The filters of the console's templates: what the wire says, as a person reads it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from babel.dates import format_datetime

from wod_frontend.console.offered_acts import ACTS
from wod_frontend.console.terms import choice_word, reason_word, state_kind, state_word
from wod_frontend.language import current, gettext
from wod_frontend.words import moment, number, period, took


def instant(text: str) -> str:
    return moment(datetime.fromisoformat(text))


def hours(start: str, end: str) -> str:
    return period(datetime.fromisoformat(start), datetime.fromisoformat(end))


def clock_time(at: datetime) -> str:
    """With its seconds: in a story they are what one looks for."""
    return format_datetime(at.astimezone(UTC), "d MMM HH:mm:ss", locale=current().locale)


def seconds_word(seconds: float | None) -> str:
    return took(timedelta(seconds=seconds)) if seconds is not None else "-"


def bytes_word(value: Any) -> str:
    return f"{number(round(value / 2**30, 1))} GiB" if isinstance(value, int | float) else str(value)


def cell_word(state: str) -> str:
    words = {
        "done": gettext("Done:"),
        "running": gettext("Running:"),
        "todo": gettext("Not done:"),
        "failed": gettext("Failed:"),
    }
    return words[state]


def done_sentence(name: str) -> str:
    """What was done, where it is an act of ours: the address may say anything."""
    if name == "speaker":
        return gettext("Your lab is being made; the way to it is in your mail.")
    return gettext(ACTS[name].done) if name in ACTS else ""


def labelled(values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(value, choice_word(value)) for value in values]


def pretty(answer: Any) -> str:
    return json.dumps(answer, indent=2, ensure_ascii=False)


FILTERS: dict[str, Callable[..., str | list[tuple[str, str]]]] = {
    "bytes_word": bytes_word,
    "cell_word": cell_word,
    "choice_word": choice_word,
    "clock_time": clock_time,
    "done_sentence": done_sentence,
    "hours": hours,
    "instant": instant,
    "labelled": labelled,
    "pretty": pretty,
    "reason_word": reason_word,
    "seconds_word": seconds_word,
    "state_kind": state_kind,
    "state_word": state_word,
}

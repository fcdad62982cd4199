"""Figures in words, as the pages show them, in the visitor's language."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from wod_frontend.language import current, ngettext

#: an en dash, between the ends of a time
_TO = " \u2013 "


def duration(seconds: int) -> str:
    """``2 hours``, ``1 hour 30 minutes``; rounded to the minute, at least one."""
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    parts = []
    if hours:
        parts.append(ngettext("%(num)d hour", "%(num)d hours", hours) % {"num": hours})
    if minutes:
        parts.append(ngettext("%(num)d minute", "%(num)d minutes", minutes) % {"num": minutes})
    return " ".join(parts)


def clock(seconds: float) -> str:
    """``1:42:08``; never below zero. The page's script ticks in the same form."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def day(moment: datetime) -> str:
    """``23 November 2026``, in UTC."""
    return format_date(moment.astimezone(UTC).date(), "long", locale=current().locale)


def moment(at: datetime) -> str:
    """``23 Nov 2026, 18:30 UTC``."""
    return format_datetime(at.astimezone(UTC), "d MMM y, HH:mm 'UTC'", locale=current().locale)


def period(start: datetime, end: datetime) -> str:
    """``1 Dec 2026, 09:00`` to ``11:00 UTC``; with both days where there are two."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start.date() != end.date():
        return f"{moment(start)}{_TO}{moment(end)}"
    return f"{format_datetime(start, 'd MMM y, HH:mm', locale=current().locale)}{_TO}{end:%H:%M} UTC"


def number(count: float) -> str:
    """``4,212``; French sets a thin space in the comma's place."""
    return format_decimal(count, locale=current().locale)


def counted(count: int, most: int) -> str:
    """``42``, or ``300+`` where no more than that were counted."""
    return number(count) if count <= most else f"{number(most)}+"


def took(span: timedelta) -> str:
    """How long a step took: ``0.03 s``, ``1.4 s``, ``12 s``, ``2 min 5 s``."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 1:
        return f"{_decimal(seconds, 2)} s"
    if seconds < 10:
        return f"{_decimal(seconds, 1)} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _decimal(value: float, places: int) -> str:
    return format_decimal(value, f"0.{'0' * places}", locale=current().locale)


def quoted(text: str) -> str:
    """As a string in a code cell."""
    return json.dumps(text, ensure_ascii=False)


def web_address(text: str) -> str:
    """The text where it is an http(s) address, else nothing: ``javascript:`` survives HTML escaping."""
    return text if urlsplit(text).scheme in {"http", "https"} else ""

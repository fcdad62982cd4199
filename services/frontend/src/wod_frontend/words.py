"""Figures in words, as the pages show them."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def duration(seconds: int) -> str:
    """``2 hours``, ``1 hour 30 minutes``; rounded to the minute, at least one."""
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    parts = [_count(hours, "hour")] * bool(hours) + [_count(minutes, "minute")] * bool(minutes)
    return " ".join(parts)


def clock(seconds: float) -> str:
    """``1:42:08``; never below zero. The page's script ticks in the same form."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def day(moment: datetime) -> str:
    """``23 November 2026``, in UTC."""
    return f"{moment.astimezone(UTC):%-d %B %Y}"


def took(span: timedelta) -> str:
    """How long a step took: ``0.03 s``, ``1.4 s``, ``12 s``, ``2 min 5 s``."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def quoted(text: str) -> str:
    """As a string in a code cell."""
    return json.dumps(text, ensure_ascii=False)


def web_address(text: str) -> str:
    """The text where it is an http(s) address, else nothing: ``javascript:`` survives HTML escaping."""
    return text if urlsplit(text).scheme in {"http", "https"} else ""

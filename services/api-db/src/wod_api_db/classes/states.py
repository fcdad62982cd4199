"""Where a class stands. It follows from its times: nothing has to happen for it to go on."""

from datetime import datetime
from enum import StrEnum

from wod_api_db.classes.models import Class


class ClassState(StrEnum):
    """``booked``, ``open`` for participants, ``running`` since its start, ``ended``, or ``cancelled`` before its start."""

    BOOKED = "booked"
    OPEN = "open"
    RUNNING = "running"
    ENDED = "ended"
    CANCELLED = "cancelled"


def state_of(taught: Class, now: datetime) -> ClassState:
    if taught.ended_at is not None:
        return ClassState.CANCELLED if taught.ended_at < taught.starts_at else ClassState.ENDED
    if now >= taught.ends_at:
        return ClassState.ENDED
    if now >= taught.starts_at:
        return ClassState.RUNNING
    return ClassState.OPEN if now >= taught.opens_at else ClassState.BOOKED

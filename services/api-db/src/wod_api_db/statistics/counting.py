"""What this process has done, counted when it is committed. The API and each worker have their own counters; add them.

Most of a registration's life happens where the agents report, in the API; mails, commands and deadlines are the
worker's, which serves its counters on a port of its own (``WOD_API_WORKER_METRICS_PORT``).
"""

from datetime import UTC, datetime
from typing import Any

from prometheus_client import Counter, Histogram
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

_REGISTERED = Counter("wod_registrations_created", "Registrations that were taken")
_STARTED = Counter("wod_sessions_started", "Labs that became ready")
_ENDED = Counter("wod_sessions_ended", "Sessions that ended, by what ended them", ["reason"])
_CANCELLED = Counter("wod_registrations_cancelled", "Registrations ended before their lab was ready", ["reason"])
_FAILED = Counter("wod_registrations_failed", "Registrations whose lab could not be made")
_WAITS = Counter("wod_waits_begun", "Persons who have joined a waiting list")
_OFFERED = Counter("wod_offers_made", "Offers of room to the first in line")
_OFFERS_WITHDRAWN = Counter("wod_offers_withdrawn", "Offers that could not be kept, and were taken back")
_CLEANED = Counter("wod_seats_cleaned", "Seats that were given back clean")
_BROKEN = Counter("wod_seat_cleanings_failed", "Cleanings of a seat that failed")
_MAIL_SENT = Counter("wod_mails_sent", "Mails that the relay has taken", ["template"])
_MAIL_FAILED = Counter("wod_mails_refused", "Mails that were given up", ["template"])
_NOTICED = Counter("wod_notices", "What an operator had to be told, by kind", ["kind"])
_COMMAND_SENT = Counter("wod_commands_sent", "Commands that a location's gate has taken", ["verb"])
_INCIDENTS = Counter("wod_registration_incidents", "What agents' watchdogs have told of, by kind", ["kind"])
_READY = Histogram(
    "wod_deployment_seconds",
    "From the registration to the lab that is there",
    ["workshop"],
    buckets=(0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300, 600, 1800),
)

_WAITED = Histogram(
    "wod_waiting_seconds",
    "From joining a waiting list to the seat that was taken",
    buckets=(60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 604800),
)

_PLAIN = {
    "waiting": _WAITS,
    "offered": _OFFERED,
    "offer-withdrawn": _OFFERS_WITHDRAWN,
    "registered": _REGISTERED,
    "running": _STARTED,
    "failed": _FAILED,
    "cleaned": _CLEANED,
    "seat-broken": _BROKEN,
}
#: with the value of the story's data that is the label
_LABELLED = {
    "ended": (_ENDED, "reason"),
    "cancelled": (_CANCELLED, "reason"),
    "mail-sent": (_MAIL_SENT, "template"),
    "mail-failed": (_MAIL_FAILED, "template"),
    "command-sent": (_COMMAND_SENT, "verb"),
    "notice": (_NOTICED, "kind"),
    "incident": (_INCIDENTS, "kind"),
}


_UNCOMMITTED = "counts"


def count(session: AsyncSession, kind: str, data: dict[str, Any], since: datetime) -> None:
    """Something that has happened, once its transaction is committed; what is rolled back has not."""
    session.info.setdefault(_UNCOMMITTED, []).append((kind, data, since))


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    if session.in_nested_transaction():  # a savepoint's end is no commit
        return
    for kind, data, since in session.info.pop(_UNCOMMITTED, ()):
        _count(kind, data, since)


@event.listens_for(Session, "after_rollback")
def _rolled_back(session: Session) -> None:
    session.info.pop(_UNCOMMITTED, None)


def _count(kind: str, data: dict[str, Any], since: datetime) -> None:
    if kind in _PLAIN:
        _PLAIN[kind].inc()
    elif kind in _LABELLED:
        counter, label = _LABELLED[kind]
        counter.labels(str(data.get(label, ""))).inc()
    # by this process's clock: a histogram of seconds can bear what it is off
    seconds = max(0.0, (datetime.now(UTC) - since).total_seconds())
    if kind == "running":
        _READY.labels(str(data.get("workshop", ""))).observe(seconds)
    elif kind == "taken":
        _WAITED.observe(seconds)

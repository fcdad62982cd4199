"""Is a location fit to take somebody? One expression, for everyone who asks."""

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_

from wod_api_db.db import now
from wod_api_db.locations.models import Location
from wod_common.heartbeat import SILENCE_SECONDS

SILENCE = timedelta(seconds=SILENCE_SECONDS)


def healthy() -> ColumnElement[bool]:
    """Of ``Location``: its agent has spoken lately and its hub answers. Never NULL.

    A location without any heartbeat ever is a listed peer's, whose agent sends none: it counts as healthy.
    """
    speaks = Location.last_heartbeat_at > now - SILENCE
    return or_(Location.last_heartbeat_at.is_(None), and_(speaks, Location.health.contains({"hub": True})))

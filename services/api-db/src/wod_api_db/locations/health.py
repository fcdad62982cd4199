"""Is a location fit to take somebody? One expression, for everyone who asks."""

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, or_, true

from wod_api_db.db import now
from wod_api_db.locations.models import Location
from wod_common.heartbeat import SILENCE_SECONDS

SILENCE = timedelta(seconds=SILENCE_SECONDS)


def speaks() -> ColumnElement[bool]:
    """Of ``Location``: it is not silent. Never NULL.

    One without any heartbeat ever is a listed peer's, whose agent sends none.
    """
    return func.coalesce(Location.last_heartbeat_at > now - SILENCE, true())


def healthy() -> ColumnElement[bool]:
    """Of ``Location``: its agent has spoken lately and says that the hub answers. Never NULL.

    A location without any heartbeat ever counts as healthy.
    """
    hub_answers = Location.health["hub"].astext.is_not_distinct_from("true")
    return or_(Location.last_heartbeat_at.is_(None), and_(speaks(), hub_answers))

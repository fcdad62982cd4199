"""How many seats a placement keeps ready now, and where none may be made."""

from datetime import timedelta

from sqlalchemy import ColumnElement, Float, case, false, func, or_, select

from wod_api_db.db import now
from wod_api_db.locations.models import Location
from wod_api_db.registrations.models import Registration
from wod_api_db.workshops.models import Placement

#: People come in bursts: what is kept is what came in the busiest quarter of an hour of the last three.
LOOKS_BACK = timedelta(hours=3)
QUARTER = 15 * 60
#: the share of memory or disk below which nothing is made ahead: people's own labs need the rest
SHORT_BELOW = 0.1

#: Of ``Placement``: it may keep seats ready.
HAS_POLICY = or_(Placement.ready_minimum > 0, Placement.ready_maximum > 0)


def target() -> ColumnElement[int]:
    """Of ``Placement``: the demand, but no fewer than the minimum and, above that, no more than the maximum."""
    wanted = func.greatest(Placement.ready_minimum, func.least(Placement.ready_maximum, _demand()))
    # one that does not follow the demand need not look at it
    follows = Placement.ready_maximum > Placement.ready_minimum
    return case((follows, wanted), else_=Placement.ready_minimum)


def _demand() -> ColumnElement[int]:
    quarters = (
        select(func.count().label("people"))
        .where(Registration.placement_id == Placement.id, Registration.created_at > now - LOOKS_BACK)
        .group_by(func.floor(func.extract("epoch", Registration.created_at) / QUARTER))
        .correlate(Placement)
        .subquery()
    )
    return select(func.coalesce(func.max(quarters.c.people), 0)).scalar_subquery()


def is_short() -> ColumnElement[bool]:
    """Of ``Location``, as its last heartbeat told: little memory or disk is left. One that tells neither is not."""
    return or_(_below("memory_available", "memory_total"), _below("disk_free", "disk_total"))


def _below(left: str, whole: str) -> ColumnElement[bool]:
    told = {name: Location.health[name].astext.cast(Float) for name in (left, whole)}
    return func.coalesce(told[left] < SHORT_BELOW * told[whole], false())

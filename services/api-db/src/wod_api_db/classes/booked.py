"""What classes have booked of a placement, as SQL: for the room, for the seats made ahead, for whoever joins."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.orm.util import AliasedClass

from wod_api_db.classes.models import Class
from wod_api_db.db import now
from wod_api_db.registrations.models import Registration
from wod_api_db.workshops.models import Placement, Workshop

#: From the end of a session to its seat that is free again; cleaning takes seconds, a failed one is tried again.
CLEANING = timedelta(minutes=10)
#: How much longer than its workshop's duration a session that begins now may hold its seat: the line, the clock's
#: grace, the cleaning.
MARGIN = timedelta(minutes=20)
_HOLDS_A_SEAT = and_(Registration.cleaned_at.is_(None), Registration.student_id.is_not(None))


def booked(until: ColumnElement[datetime] | None = None) -> ColumnElement[int]:
    """Correlated to ``Placement``: how many seats somebody must leave alone who would hold one from now ``until`` then.

    By default that is as long as a public session of the workshop takes. Of classes that follow each other the largest
    counts, of those that overlap the sum. A seat that somebody of the class holds already is not counted twice.
    """
    at, together, workshop = aliased(Class), aliased(Class), aliased(Workshop)
    begins = func.greatest(at.deploy_from, now)
    apart = select(Placement.speaker_seat).where(Placement.id == together.placement_id)
    wanted = unclaimed(together, speaker_apart=apart.correlate(together).scalar_subquery())
    sum_then = (
        select(func.coalesce(func.sum(wanted), 0))
        .where(
            together.placement_id == at.placement_id,
            together.ended_at.is_(None),
            together.deploy_from <= begins,
            together.ends_at > begins,
        )
        .correlate(at)
        .scalar_subquery()
    )
    return func.coalesce(
        select(func.max(sum_then))
        .select_from(at)
        .join(workshop, workshop.id == at.workshop_id)
        .where(
            at.placement_id == Placement.id,
            at.ended_at.is_(None),
            at.ends_at > now,
            at.deploy_from < (public_end(workshop) if until is None else until),
        )
        .correlate(Placement)
        .scalar_subquery(),
        0,
    )


def public_end(workshop: type[Workshop] | AliasedClass[Workshop]) -> ColumnElement[datetime]:
    """When the seat of a public session that begins now is free again, unless it is extended."""
    return now + workshop.duration + MARGIN


def unclaimed(
    taught: type[Class] | AliasedClass[Class], *, speaker_apart: ColumnElement[bool] | None = None
) -> ColumnElement[int]:
    """Booked seats that nobody of the class holds: the speaker's included, but where it is ``speaker_apart``, a seat that
    the public has never had.
    """
    among = taught.speaker_seat if speaker_apart is None else and_(taught.speaker_seat, ~speaker_apart)
    holders = _holders(taught)
    if speaker_apart is not None:
        holders = holders.where(or_(~Registration.speaks, ~speaker_apart))
    return func.greatest(0, taught.seats + case((among, 1), else_=0) - holders.scalar_subquery())


def left_for(*, speaks: ColumnElement[bool]) -> ColumnElement[int]:
    """Of ``Class``: how many more it lets in, or whether its speaker may come."""
    spoken = _holders(Class).where(Registration.speaks).scalar_subquery()
    listening = _holders(Class).where(~Registration.speaks).scalar_subquery()
    return case((speaks, case((Class.speaker_seat, 1 - spoken), else_=0)), else_=Class.seats - listening)


def _holders(taught: type[Class] | AliasedClass[Class]) -> Select[int]:
    return (
        select(func.count())
        .select_from(Registration)
        .where(Registration.class_id == taught.id, _HOLDS_A_SEAT)
        .correlate(taught)
    )


def demand() -> ScalarSelect[int]:
    """Correlated to ``Placement``: the labs that are to stand ready for its classes at this moment, handed over or not
    yet made.
    """
    return (
        select(func.coalesce(func.sum(unclaimed(Class)), 0))
        .where(Class.placement_id == Placement.id, DEPLOYED_AHEAD)
        .correlate(Placement)
        .scalar_subquery()
    )


def keeps_last_seat() -> ColumnElement[bool]:
    """Of ``Placement``: the last seat of its range waits for whoever speaks in a class."""
    workshop = aliased(Workshop)
    return (
        exists()
        .where(
            Class.placement_id == Placement.id,
            Class.ended_at.is_(None),
            Class.speaker_seat,
            Class.ends_at > now,
            workshop.id == Class.workshop_id,
            Class.deploy_from < public_end(workshop),
            ~exists().where(Registration.class_id == Class.id, Registration.speaks, _HOLDS_A_SEAT).correlate(Class),
        )
        .correlate(Placement)
    )


#: Classes whose labs are to be there, by the partial index on those that are booked.
DEPLOYED_AHEAD = Class.ended_at.is_(None) & (Class.deploy_from <= now) & (Class.ends_at > now)
#: Their seats go out of public reach, and nobody has been told yet.
HELD = (
    Class.ended_at.is_(None)
    & Class.held_at.is_(None)
    & exists().where(Workshop.id == Class.workshop_id, Class.deploy_from < public_end(Workshop)).correlate(Class)
)
ENDING = Class.ended_at.is_(None) & (Class.ends_at <= now)
#: They begin within a day, and the pace of their location was looked at some time ago.
UNMEASURED = (
    Class.ended_at.is_(None)
    & (Class.deploy_from > now)
    & (Class.starts_at < now + timedelta(days=1))
    & (Class.measured_at < now - timedelta(minutes=10))
)

"""Is there room? Counted from rows, by this one expression, for everyone who asks."""

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    SQLColumnExpression,
    and_,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from wod_api_db.classes.booked import booked
from wod_api_db.locations.models import Location
from wod_api_db.pauses.models import Pause
from wod_api_db.registrations.models import Registration
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement


def room(
    until: ColumnElement[datetime] | None = None, *, taking: SQLColumnExpression[int] | None = None
) -> ColumnElement[int]:
    """Correlated to ``Placement``: the smaller of what its capacity leaves and the seats of its range that are free or
    ready, less what is offered to somebody, and what classes have booked for the time of a session that begins now, or
    that lasts ``until`` then. ``taking`` is the id of a registration whose own offer does not stand in its way.

    A ready seat is one of them, also one that was made ahead for another workshop: it is taken when no other is free.
    One that is being made ahead serves a class's booking as well as a free one, and nobody who comes now.
    None where the placement is closed or being reset, or its location drained or paused.
    """
    uncleaned = (
        select(func.count())
        .where(
            Registration.placement_id == Placement.id,
            Registration.cleaned_at.is_(None),
            Registration.student_id.is_not(None),
            or_(~Registration.speaks, ~Placement.speaker_seat),
        )
        .correlate(Placement)
        .scalar_subquery()
    )
    unbooked = func.least(Placement.capacity - uncleaned, _free_soon()) - booked(until)
    left = func.greatest(0, func.least(unbooked, free()) - _offered(taking))
    return case((is_open(), left), else_=0)


def _free_soon() -> ScalarSelect[int]:
    """With the seats that are being made ahead: they are what classes have booked, and so not counted twice."""
    soon = [StudentState.FREE, StudentState.READY, StudentState.PREPARING]
    return _seats().where(Student.state.in_(soon)).scalar_subquery()


def _offered(taking: SQLColumnExpression[int] | None) -> ScalarSelect[int]:
    """Room that is kept for those who were offered it."""
    kept = aliased(Registration)
    offers = select(func.count()).where(kept.placement_id == Placement.id, kept.state == literal_column("'offered'"))
    if taking is not None:
        offers = offers.where(kept.id != taking)
    return offers.correlate_except(kept).scalar_subquery()


def free() -> ColumnElement[int]:
    """Seats of the ``Placement``'s range that somebody can have at once."""
    return _seats().where(Student.state.in_([StudentState.FREE, StudentState.READY])).scalar_subquery()


def is_open() -> ColumnElement[bool]:
    """Of ``Placement``: it lets people in, as far as it and its location are concerned."""
    drained = exists().where(Location.id == Placement.location_id, Location.drained_at.is_not(None))
    paused = exists().where(Pause.location_id == Placement.location_id)
    return and_(
        Placement.closed_at.is_(None),
        Placement.range_reset.is_(None),
        ~drained.correlate(Placement),
        ~paused.correlate(Placement),
    )


def size() -> ColumnElement[int]:
    """Room when nobody is in."""
    return func.least(Placement.capacity, _seats().scalar_subquery())


def last_public_seat(placement: type[Placement] = Placement) -> ColumnElement[int]:
    """Of the placement's range: the one behind it may be the speaker's."""
    return case((placement.speaker_seat, placement.last_seat - 1), else_=placement.last_seat)


def _seats() -> Select[int]:
    return (
        select(func.count())
        .where(
            Student.location_id == Placement.location_id,
            Student.number.between(Placement.first_seat, last_public_seat()),
        )
        .correlate(Placement)
    )

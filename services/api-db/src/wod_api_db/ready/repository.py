"""Every query about seats that are made ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, any_, exists, false, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager

from wod_api_db.classes.booked import DEPLOYED_AHEAD, demand, keeps_last_seat
from wod_api_db.classes.models import Class
from wod_api_db.commands.models import CommandRow
from wod_api_db.db import now
from wod_api_db.locations.health import SILENCE
from wod_api_db.locations.models import Location
from wod_api_db.pauses.models import Pause
from wod_api_db.ready.policy import HAS_POLICY, is_short, target
from wod_api_db.registrations.room import is_open, last_public_seat, room
from wod_api_db.states import OUTSTANDING
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, Workshop
from wod_common.capabilities import Capability
from wod_common.commands import CommandState, Verb

#: one worker at a time looks after the ready seats: two would both find the same seat missing
_LOCK = 0x776F645264
#: a command of a seat that nobody waits for; a registration's has a deadline of its own
_NOBODYS = and_(CommandRow.registration_id.is_(None), CommandRow.state.in_(OUTSTANDING))

#: Whether there is anything to look after, by partial indexes.
DUE = or_(
    exists().where(HAS_POLICY),
    exists().where(DEPLOYED_AHEAD),
    exists().where(Student.prepared_placement_id.is_not(None)),
    exists().where(_NOBODYS),
)


@dataclass(frozen=True)
class Wanting:
    """A placement that may hold more ready seats than it does."""

    placement: Placement
    missing: int
    #: a class has booked what is missing: it waits for nobody, and may take the last free seats of its own range
    for_class: bool


async def alone(session: AsyncSession) -> bool:
    """Until the end of the transaction; False where another worker is at it."""
    return bool((await session.execute(select(func.pg_try_advisory_xact_lock(_LOCK)))).scalar_one())


def _current() -> ColumnElement[bool]:
    """Of a ``Student`` with its ``Placement`` and ``Workshop``: what is in the seat is what it would be made of today."""
    return and_(
        Workshop.active,
        Workshop.retired_at.is_(None),
        Student.prepared_version == Workshop.content_version,
        Placement.closed_at.is_(None),
        Placement.range_reset.is_(None),
        Student.number >= Placement.first_seat,
        or_(Student.number <= last_public_seat(), and_(Student.number == Placement.last_seat, keeps_last_seat())),
    )


async def stale(session: AsyncSession, limit: int) -> Sequence[tuple[Student, str]]:
    """Ready seats that must not be handed over, locked, with their workshop. What is being handed out is passed over."""
    query = (
        select(Student, Workshop.notebook)
        .join(Placement, Placement.id == Student.prepared_placement_id)
        .join(Workshop, Workshop.id == Placement.workshop_id)
        .where(Student.state == StudentState.READY, ~_current())
        .order_by(Student.id)
        .limit(limit)
        .with_for_update(of=Student, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [(row[0], row[1]) for row in await session.execute(query)]


async def surplus(session: AsyncSession, limit: int) -> Sequence[tuple[Student, str]]:
    """Ready seats beyond what their placement is to keep, the oldest first, locked."""
    kept = aliased(Student)
    newer = (
        select(func.count())
        .where(
            kept.prepared_placement_id == Student.prepared_placement_id,
            kept.state == StudentState.READY,
            or_(
                kept.prepared_at > Student.prepared_at,
                and_(kept.prepared_at == Student.prepared_at, kept.id > Student.id),
            ),
        )
        .correlate(Student)
        .scalar_subquery()
    )
    query = (
        select(Student, Workshop.notebook)
        .join(Placement, Placement.id == Student.prepared_placement_id)
        .join(Workshop, Workshop.id == Placement.workshop_id)
        .where(Student.state == StudentState.READY, newer >= target() + demand())
        .order_by(Student.id)
        .limit(limit)
        .with_for_update(of=Student, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [(row[0], row[1]) for row in await session.execute(query)]


async def wanting(session: AsyncSession) -> Sequence[Wanting]:
    """Placements with fewer ready seats than they are to keep, where one may be made now.

    Only for as many as it would let in and its classes have booked, and only where the agent speaks. Where it makes labs
    for people, or has little memory or disk left, only for the sake of a class. Those of classes come first, then what
    is missing of a minimum, then what the demand asks for.
    """
    have = (
        select(func.count())
        .where(
            Student.prepared_placement_id == Placement.id,
            Student.state.in_([StudentState.READY, StudentState.PREPARING]),
        )
        .correlate(Placement)
        .scalar_subquery()
    )
    of_classes = demand() - have
    missing = func.least(target(), room()) + of_classes
    busy = exists().where(
        CommandRow.location_id == Placement.location_id,
        CommandRow.verb == Verb.CREATE,
        CommandRow.state.in_(OUTSTANDING),
    )
    query = (
        select(Placement, missing, of_classes > 0)
        .join(Placement.workshop)
        .join(Placement.location)
        .options(contains_eager(Placement.workshop))
        .where(
            or_(HAS_POLICY, exists().where(Class.placement_id == Placement.id, DEPLOYED_AHEAD)),
            is_open(),
            Workshop.active,
            Workshop.retired_at.is_(None),
            Location.last_heartbeat_at > now - SILENCE,
            or_(Location.capabilities.is_(None), any_(Location.capabilities) == str(Capability.KEPT_HOME)),
            or_(Placement.ready_retry_at.is_(None), Placement.ready_retry_at <= now),
            ~exists().where(
                or_(Pause.location_id.is_(None), Pause.location_id == Placement.location_id),
                or_(Pause.workshop_id.is_(None), Pause.workshop_id == Placement.workshop_id),
            ),
            or_(and_(~busy, ~is_short()), of_classes > 0),
            missing > 0,
        )
        .order_by((of_classes > 0).desc(), have >= Placement.ready_minimum, Placement.id)
        .execution_options(populate_existing=True)
    )
    return [Wanting(*row) for row in await session.execute(query)]


async def in_flight(session: AsyncSession, location_id: int) -> int:
    query = select(func.count()).where(_NOBODYS, CommandRow.location_id == location_id, CommandRow.verb == Verb.PREPARE)
    return (await session.execute(query)).scalar_one()


async def spare_seat(session: AsyncSession, placement: Placement, *, for_class: bool = False) -> Student | None:
    """A free seat of the range that may be made ahead, locked.

    While it is made nobody can have it, so every open placement whose range has the seat keeps another free one: but
    its own does not where a class has booked the seat, which is nobody else's anyway. The highest number, for whoever
    registers takes the lowest.
    """
    other, free = aliased(Placement), aliased(Student)
    left = (
        select(func.count())
        .where(
            free.location_id == other.location_id,
            free.number.between(other.first_seat, last_public_seat(other)),
            free.state == StudentState.FREE,
        )
        .correlate(other)
        .scalar_subquery()
    )
    needed = (
        exists()
        .where(
            other.location_id == Student.location_id,
            Student.number.between(other.first_seat, last_public_seat(other)),
            other.closed_at.is_(None),
            other.workshop_id == Workshop.id,
            Workshop.active,
            Workshop.retired_at.is_(None),
            left <= 1,
            other.id != placement.id if for_class else true(),
        )
        .correlate(Student)
    )
    for_speaker = exists().where(Placement.id == placement.id, keeps_last_seat())
    query = (
        select(Student)
        .where(
            Student.location_id == placement.location_id,
            Student.number.between(placement.first_seat, placement.last_seat),
            or_(Student.number <= placement.last_seat - placement.speaker_seat, for_speaker if for_class else false()),
            Student.state == StudentState.FREE,
            ~needed,
        )
        .order_by(Student.number.desc())
        .limit(1)
        .with_for_update(of=Student, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def overdue(session: AsyncSession, patience: timedelta) -> Sequence[tuple[int, int]]:
    """Seat and generation of commands that nobody waits for and that have not ended in time."""
    query = (
        select(CommandRow.student_id, CommandRow.generation)
        .where(_NOBODYS, CommandRow.verb != Verb.PURGE, CommandRow.created_at < now - patience)
        .limit(20)
    )
    return [(row[0], row[1]) for row in await session.execute(query)]


async def lock_seat(session: AsyncSession, student_id: int) -> Student:
    """Whoever changes a seat that no registration holds, or its commands, locks its row first."""
    query = select(Student).where(Student.id == student_id).with_for_update().execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one()


async def first_seat_ahead(session: AsyncSession, student_id: int) -> int | None:
    """Of the range that the seat is made ahead for; None of a seat that is not."""
    query = (
        select(Placement.first_seat)
        .join(Student, Student.prepared_placement_id == Placement.id)
        .where(Student.id == student_id)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def failed_cleanings(session: AsyncSession, student: Student) -> int:
    query = select(func.count()).where(
        CommandRow.student_id == student.id,
        CommandRow.generation == student.generation,
        CommandRow.verb == Verb.PURGE,
        CommandRow.state == CommandState.FAILED,
    )
    return (await session.execute(query)).scalar_one()


async def last_workshop(session: AsyncSession, student: Student) -> str | None:
    """As the seat's last command named it."""
    query = (
        select(CommandRow.workshop)
        .where(CommandRow.student_id == student.id)
        .order_by(CommandRow.generation.desc(), CommandRow.sequence.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def workshop_of_range(session: AsyncSession, student: Student) -> str | None:
    """A workshop that hands out the seat, an open one first."""
    query = (
        select(Workshop.notebook)
        .join(Placement, Placement.workshop_id == Workshop.id)
        .where(
            Placement.location_id == student.location_id,
            Placement.first_seat <= student.number,
            Placement.last_seat >= student.number,
        )
        .order_by(Placement.closed_at.is_not(None), Workshop.retired_at.is_not(None), Placement.id)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def reports_alive(session: AsyncSession, location_id: int) -> bool:
    query = select(Location.last_heartbeat_at.is_not(None)).where(Location.id == location_id)
    return bool((await session.execute(query)).scalar_one_or_none())


async def note_success(session: AsyncSession, placement_id: int) -> None:
    statement = update(Placement).where(Placement.id == placement_id, Placement.ready_failures > 0)
    await session.execute(
        statement.values(ready_failures=0, ready_retry_at=None).execution_options(synchronize_session=False)
    )


async def note_failure(session: AsyncSession, placement_id: int) -> int:
    """How many there were in a row, this one included."""
    statement = (
        update(Placement)
        .where(Placement.id == placement_id)
        .values(ready_failures=Placement.ready_failures + 1)
        .returning(Placement.ready_failures)
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(statement)).scalar_one()


async def retry_after(session: AsyncSession, placement_id: int, pause: timedelta) -> None:
    statement = update(Placement).where(Placement.id == placement_id).values(ready_retry_at=now + pause)
    await session.execute(statement.execution_options(synchronize_session=False))

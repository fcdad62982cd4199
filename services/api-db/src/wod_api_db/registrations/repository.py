"""Every query about registrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Interval, Select, bindparam, func, insert, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased, contains_eager, joinedload

from wod_api_db.db import now
from wod_api_db.locations.health import healthy
from wod_api_db.mail.models import Mail
from wod_api_db.mail.states import MailState
from wod_api_db.registrations.models import HELD_ADDRESS, Registration, RegistrationEvent
from wod_api_db.registrations.room import room
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.states import STUDENT
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, Workshop
from wod_api_db.workshops.repository import paused


async def workshop_and_pause(session: AsyncSession, notebook: str) -> tuple[Workshop, str | None] | None:
    """The workshop, and the text of what pauses it everywhere."""
    row = (await session.execute(_WORKSHOP_AND_PAUSE, {"notebook": notebook})).one_or_none()
    return (row[0], row[1]) if row else None


async def holding(session: AsyncSession, email_key: str) -> Registration | None:
    """The registration that holds this address now."""
    return (await session.execute(_HOLDING, {"email_key": email_key})).scalar_one_or_none()


async def by_idempotency_key(session: AsyncSession, key: str) -> Registration | None:
    return (await session.execute(whole().where(Registration.idempotency_key == key))).scalar_one_or_none()


async def lock_placements(session: AsyncSession, workshop_id: int) -> Sequence[int]:
    """The workshop's open placements, locked in the order of their ids: from here on room is ours to give.

    Taken as late as possible and before the room is counted: two transactions that both counted first
    would both find the last seat.
    """
    return (await session.execute(_LOCK_PLACEMENTS, {"workshop_id": workshop_id})).scalars().all()


async def lock_placement(session: AsyncSession, placement_id: int) -> None:
    await session.execute(select(Placement.id).where(Placement.id == placement_id).with_for_update())


async def room_of(session: AsyncSession, placement_id: int) -> int:
    """To be asked with the placement locked."""
    return (await session.execute(select(room()).where(Placement.id == placement_id))).scalar_one()


async def withhold_mails(session: AsyncSession, registration_id: int, why: str) -> None:
    """What has not left yet does not leave."""
    await session.execute(
        update(Mail)
        .where(Mail.registration_id == registration_id, Mail.state == MailState.QUEUED)
        .values(state=MailState.WITHHELD, error=why)
    )


async def locations_of(session: AsyncSession, placements: Sequence[int]) -> Sequence[int]:
    query = select(Placement.location_id).where(Placement.id.in_(placements)).order_by(Placement.rank, Placement.id)
    return (await session.execute(query)).scalars().all()


async def placement_with_room(session: AsyncSession, placements: Sequence[int]) -> Placement | None:
    """The first choice among those with room: a healthy location before one that may take its time, then by rank."""
    return (await session.execute(_PLACEMENT_WITH_ROOM, {"placements": placements})).scalar_one_or_none()


#: What a registration begins with, beside its seat and ``stuck_after``.
REGISTERED_WITH = (
    "state", "workshop_id", "placement_id", "location_id", "name", "email", "email_key", "company", "terms_version",
    "link_nonce", "duration", "range_first", "content_version", "idempotency_key", "request_hash",
)  # fmt: skip


@dataclass(frozen=True)
class Seated:
    """``registration`` is None where its address came to hold another one meanwhile, or its key was used."""

    registration: Registration | None
    student: Student | None


async def seat(session: AsyncSession, placement: Placement, values: dict[str, Any]) -> Seated | None:
    """Writes the registration with the lowest free seat of the range, assigned to it; None where no seat is free.

    One statement, for others wait for the placement's lock meanwhile. A seat that another transaction is taking is
    passed over.
    """
    given = {f"given_{name}": value for name, value in values.items()}
    given |= {"first_seat": placement.first_seat, "last_seat": placement.last_seat}
    row = (await session.execute(_SEAT, given)).one_or_none()
    return Seated(row[1], row[2]) if row else None


def whole() -> Select[Registration]:
    """Registrations with what belongs to them."""
    return select(Registration).options(
        joinedload(Registration.student), joinedload(Registration.workshop), joinedload(Registration.location)
    )


async def lock(session: AsyncSession, registration_id: int) -> Registration | None:
    """The registration with what belongs to it, its row locked.

    Whoever changes anything of a registration, its seat or its commands locks this row first: one order, no deadlock.
    """
    query = (
        whole()
        .where(Registration.id == registration_id)
        .with_for_update(of=Registration)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def read(session: AsyncSession, registration_id: int) -> Registration | None:
    query = whole().where(Registration.id == registration_id)
    return (await session.execute(query)).scalar_one_or_none()


async def add_event(
    session: AsyncSession, registration_id: int, kind: str, state: RegistrationState, data: dict[str, Any]
) -> None:
    await session.execute(
        insert(RegistrationEvent).values(registration_id=registration_id, type=kind, state=state, data=data)
    )


async def events_after(session: AsyncSession, registration_id: int, last: int) -> Sequence[RegistrationEvent]:
    query = (
        select(RegistrationEvent)
        .where(RegistrationEvent.registration_id == registration_id, RegistrationEvent.id > last)
        .order_by(RegistrationEvent.id)
    )
    return (await session.execute(query)).scalars().all()


async def mails_of(session: AsyncSession, registration_id: int) -> Sequence[Mail]:
    query = select(Mail).where(Mail.registration_id == registration_id).order_by(Mail.created_at, Mail.id)
    return (await session.execute(query)).scalars().all()


async def told(session: AsyncSession, registration_id: int) -> tuple[int, str | None]:
    """The last event's id, and the text of the last announcement."""
    mine = RegistrationEvent.registration_id == registration_id
    announcement = (
        select(RegistrationEvent.data["text"].astext)
        .where(mine, RegistrationEvent.type == "announcement")
        .order_by(RegistrationEvent.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    row = (await session.execute(select(func.max(RegistrationEvent.id), announcement).where(mine))).one()
    return row[0] or 0, row[1]


#: Built once: building them takes longer than the database takes to answer.
_WORKSHOP_AND_PAUSE = select(Workshop, paused()).where(Workshop.notebook == bindparam("notebook"))
_HOLDING = select(Registration).where(Registration.email_key == bindparam("email_key"), HELD_ADDRESS)
_LOCK_PLACEMENTS = (
    select(Placement.id)
    .where(Placement.workshop_id == bindparam("workshop_id"), Placement.closed_at.is_(None))
    .order_by(Placement.id)
    .with_for_update()
)
_PLACEMENT_WITH_ROOM = (
    select(Placement)
    .join(Placement.location)
    .options(contains_eager(Placement.location))
    .where(Placement.id.in_(bindparam("placements", expanding=True)), room() > 0)
    .order_by(healthy().desc(), Placement.rank, Placement.id)
    .limit(1)
)


def _seat() -> Select[int, Registration, Student]:
    # a parameter with the name of a column would be taken for a value of the UPDATE as well
    columns = Registration.__table__.c
    free = (
        select(Student.id, (Student.generation + 1).label("generation"))
        .where(
            Student.location_id == bindparam("given_location_id"),
            Student.number.between(bindparam("first_seat"), bindparam("last_seat")),
            Student.state == StudentState.FREE,
        )
        .order_by(Student.number)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    given = {name: bindparam(f"given_{name}", type_=columns[name].type).label(name) for name in REGISTERED_WITH}
    values = select(
        *given.values(), now + bindparam("given_stuck_after", type_=Interval()), free.c.id, free.c.generation
    )
    made = (
        upsert(Registration.__table__)  # type: ignore[arg-type]  # what is mapped here is a table
        .from_select([*given, "stuck_at", "student_id", "generation"], values)
        .on_conflict_do_nothing()
        .returning(*columns)
        .cte("made")
    )
    taken = (
        update(Student)
        .where(Student.id == made.c.student_id)
        .values(state=STUDENT.check(StudentState.FREE, StudentState.ASSIGNED), generation=made.c.generation, sequence=0)
        .returning(*Student.__table__.c)
        .cte("taken")
    )
    return select(free.c.id, aliased(Registration, made), aliased(Student, taken)).select_from(
        free.outerjoin(made, true()).outerjoin(taken, true())
    )


_SEAT = _seat()


def _due(column: InstrumentedAttribute[datetime | None], *states: RegistrationState) -> ColumnElement[bool]:
    return (column <= func.now()) & Registration.state.in_(states)


STUCK = _due(Registration.stuck_at, RegistrationState.REGISTERED, RegistrationState.DEPLOYING)
EXPIRING = _due(Registration.expiring_at, RegistrationState.RUNNING)
NO_SHOW = _due(Registration.no_show_at, RegistrationState.RUNNING, RegistrationState.EXPIRING)
ENDING = _due(Registration.ends_at, RegistrationState.RUNNING, RegistrationState.EXPIRING)


async def claim_due(session: AsyncSession, condition: ColumnElement[bool], limit: int = 50) -> Sequence[Registration]:
    """Registrations whose deadline has passed, locked; those that another worker holds are passed over."""
    query = (
        whole()
        .where(condition)
        .order_by(Registration.id)
        .limit(limit)
        .with_for_update(of=Registration, skip_locked=True)
    )
    return (await session.execute(query)).scalars().all()


async def epoch(session: AsyncSession) -> float:
    """The database's clock in seconds."""
    return float((await session.execute(select(func.extract("epoch", func.now())))).scalar_one())

"""Every query about registrations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from wod_api_db.mail.models import Mail
from wod_api_db.mail.states import MailState
from wod_api_db.paging import LARGEST_ID
from wod_api_db.registrations.models import HELD_ADDRESS, Registration, RegistrationEvent
from wod_api_db.registrations.room import room
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.searching import mentions, seat_number
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Placement


def found_by(wanted: str) -> ColumnElement[bool]:
    """By the person's words, by the number of the registration, or by the seat's account."""
    found = mentions(wanted, Registration.name, Registration.email, Registration.company)
    if wanted.isascii() and wanted.isdigit() and int(wanted) <= LARGEST_ID:
        return found | (Registration.id == int(wanted))
    number = seat_number(wanted)
    if number is None:
        return found
    return found | Registration.student_id.in_(select(Student.id).where(Student.number == number))


async def holding(session: AsyncSession, email_key: str) -> Registration | None:
    """The registration that holds this address now."""
    query = select(Registration).where(Registration.email_key == email_key, HELD_ADDRESS)
    return (await session.execute(query)).scalar_one_or_none()


async def lock_placement(session: AsyncSession, placement_id: int) -> None:
    await session.execute(select(Placement.id).where(Placement.id == placement_id).with_for_update())


async def room_of(session: AsyncSession, placement_id: int, until: datetime) -> int:
    """For somebody who holds a seat until then. To be asked with the placement locked."""
    query = select(room(literal(until))).where(Placement.id == placement_id)
    return (await session.execute(query)).scalar_one()


async def withhold_mails(session: AsyncSession, registration_id: int, why: str) -> None:
    """What has not left yet does not leave."""
    await session.execute(
        update(Mail)
        .where(Mail.registration_id == registration_id, Mail.state == MailState.QUEUED)
        .values(state=MailState.WITHHELD, error=why)
    )


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


async def trace_of(session: AsyncSession, registration_id: int | None) -> str | None:
    """None where nobody has clicked for it."""
    return await session.scalar(select(Registration.trace).where(Registration.id == registration_id))


async def add_event(
    session: AsyncSession, registration_id: int, kind: str, state: RegistrationState, data: dict[str, Any]
) -> None:
    await session.execute(
        insert(RegistrationEvent).values(registration_id=registration_id, type=kind, state=state, data=data)
    )


async def has_incident(session: AsyncSession, registration_id: int, incident: str) -> bool:
    """To be asked with the registration locked."""
    query = select(RegistrationEvent.id).where(
        RegistrationEvent.registration_id == registration_id,
        RegistrationEvent.type == "incident",
        RegistrationEvent.data["incident"].astext == incident,
    )
    return (await session.execute(query.limit(1))).scalar_one_or_none() is not None


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

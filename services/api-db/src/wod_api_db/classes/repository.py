"""Every query about classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, false, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from wod_api_db.classes.booked import HELD, left_for
from wod_api_db.classes.models import Class, Invitation
from wod_api_db.db import now
from wod_api_db.mail.models import Mail
from wod_api_db.mail.states import MailState
from wod_api_db.registrations.models import Registration
from wod_api_db.states import HOLDING
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, Workshop


@dataclass(frozen=True)
class Figures:
    """What is counted of a class at this moment."""

    taught: Class
    now: datetime
    invited: int
    joined: int
    labs_ready: int
    help_wanted: int


def _count(entity: type[Any], *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.count()).select_from(entity).where(*conditions).correlate(Class).scalar_subquery()


def _with_figures(*conditions: ColumnElement[bool]) -> Select[Any]:
    participants = (Registration.class_id == Class.id, Registration.state.in_(HOLDING), ~Registration.speaks)
    ready = case(
        (
            Class.ended_at.is_(None) & (Class.deploy_from <= now),
            _count(Student, Student.prepared_placement_id == Class.placement_id, Student.state == StudentState.READY),
        ),
        else_=0,
    )
    return (
        select(
            Class,
            now,
            _count(Invitation, Invitation.class_id == Class.id),
            _count(Registration, *participants),
            ready,
            _count(Registration, *participants, Registration.help_wanted_at.is_not(None)),
        )
        .options(joinedload(Class.workshop), joinedload(Class.placement).joinedload(Placement.location))
        .where(*conditions)
    )


async def read(session: AsyncSession, class_id: int) -> Figures | None:
    query = _with_figures(Class.id == class_id).execution_options(populate_existing=True)
    row = (await session.execute(query)).one_or_none()
    return Figures(*row) if row else None


def listed(conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    return select(Class).where(*conditions)


async def all_of(session: AsyncSession, ids: Sequence[int]) -> list[Figures]:
    """By falling id."""
    rows = await session.execute(_with_figures(Class.id.in_(ids)).order_by(Class.id.desc()))
    return [Figures(*row) for row in rows]


async def lock(session: AsyncSession, class_id: int) -> Class | None:
    """Nobody joins until we are done."""
    query = (
        select(Class)
        .options(joinedload(Class.workshop), joinedload(Class.placement).joinedload(Placement.location))
        .where(Class.id == class_id)
        .with_for_update(of=Class)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def by_code(session: AsyncSession, code: str) -> tuple[Class, datetime, int] | None:
    """With the database's time, and how many participants more it takes."""
    query = (
        select(Class, now, left_for(speaks=false()))
        .options(joinedload(Class.workshop), joinedload(Class.placement).joinedload(Placement.location))
        .where(Class.code == code)
    )
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1], row[2]) if row else None


async def clock(session: AsyncSession) -> datetime:
    moment: datetime = (await session.execute(select(now))).scalar_one()
    return moment


async def workshop(session: AsyncSession, notebook: str) -> Workshop | None:
    """One that is open."""
    query = select(Workshop).where(Workshop.notebook == notebook, Workshop.active, Workshop.retired_at.is_(None))
    return (await session.execute(query)).scalar_one_or_none()


async def holding(session: AsyncSession, class_id: int) -> Sequence[int]:
    """The registrations of the class that are not over, in the order in which they are to be locked."""
    query = (
        select(Registration.id)
        .where(Registration.class_id == class_id, Registration.state.in_(HOLDING))
        .order_by(Registration.id)
    )
    return (await session.execute(query)).scalars().all()


async def participants(session: AsyncSession, class_id: int) -> Sequence[Registration]:
    query = (
        select(Registration)
        .options(joinedload(Registration.student))
        .where(Registration.class_id == class_id)
        .order_by(Registration.help_wanted_at.asc().nulls_last(), Registration.id)
    )
    return (await session.execute(query)).scalars().all()


async def invitations(session: AsyncSession, class_id: int) -> list[tuple[Invitation, MailState | None, bool]]:
    """Each with the state of its last mail, and whether the address has joined."""
    mail = (
        select(Mail.state)
        .where(Mail.invitation_id == Invitation.id)
        .order_by(Mail.created_at.desc())
        .limit(1)
        .correlate(Invitation)
        .scalar_subquery()
    )
    joined = exists().where(Registration.class_id == class_id, Registration.email_key == Invitation.email_key)
    query = (
        select(Invitation, mail, joined.correlate(Invitation))
        .where(Invitation.class_id == class_id)
        .order_by(Invitation.email_key)
    )
    return [(row[0], row[1], row[2]) for row in await session.execute(query)]


async def invited(session: AsyncSession, class_id: int) -> Sequence[Invitation]:
    query = select(Invitation).where(Invitation.class_id == class_id).order_by(Invitation.id)
    return (await session.execute(query)).scalars().all()


async def note_held(session: AsyncSession) -> None:
    """Whoever shows the room hears by the trigger that it has become less."""
    statement = update(Class).where(HELD).values(held_at=now)
    await session.execute(statement.execution_options(synchronize_session=False))


async def claim(session: AsyncSession, condition: ColumnElement[bool], limit: int = 5) -> Sequence[Class]:
    query = (
        select(Class)
        .options(joinedload(Class.workshop), joinedload(Class.placement).joinedload(Placement.location))
        .where(condition)
        .order_by(Class.id)
        .limit(limit)
        .with_for_update(of=Class, skip_locked=True)
    )
    return (await session.execute(query)).scalars().all()


async def outcome(session: AsyncSession, class_id: int) -> tuple[int, int | None]:
    """How many participants have signed in, and how far they got on the average, in per cent."""
    query = select(
        func.count(), func.round(func.avg(func.coalesce(Registration.completion, Registration.completion_so_far)))
    ).where(Registration.class_id == class_id, ~Registration.speaks, Registration.first_login_at.is_not(None))
    count, completion = (await session.execute(query)).one()
    return count, None if completion is None else int(completion)


async def was_held(session: AsyncSession, class_id: int) -> bool:
    """Whether a participant has had a lab."""
    found = select(Registration.id).where(
        Registration.class_id == class_id, ~Registration.speaks, Registration.ready_at.is_not(None)
    )
    return (await session.execute(select(found.exists()))).scalar_one()

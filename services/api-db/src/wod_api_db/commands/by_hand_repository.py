"""Every query about commands by hand."""

from collections.abc import Collection, Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.repository import whole
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Placement, Workshop


async def placements(session: AsyncSession, notebook: str) -> Sequence[Placement]:
    """With their locations, in the order in which they are tried."""
    query = (
        select(Placement)
        .join(Workshop, Workshop.id == Placement.workshop_id)
        .options(joinedload(Placement.location))
        .where(Workshop.notebook == notebook)
        .order_by(Placement.rank, Placement.id)
    )
    return (await session.execute(query)).scalars().all()


async def seats(session: AsyncSession, location_id: int, first: int, last: int) -> Sequence[Student]:
    query = (
        select(Student)
        .where(Student.location_id == location_id, Student.number.between(first, last))
        .order_by(Student.number)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalars().all()


async def lock_holders(session: AsyncSession, students: Collection[int]) -> dict[int, Registration]:
    """By seat: who is in it, or was last; all are locked, in the order of their ids."""
    query = (
        whole()
        .join(Student, Student.id == Registration.student_id)
        .where(
            Registration.student_id.in_(students),
            or_(Registration.cleaned_at.is_(None), Registration.generation == Student.generation),
        )
        .order_by(Registration.id)
        .with_for_update(of=Registration)
        .execution_options(populate_existing=True)
    )
    rows = (await session.execute(query)).scalars()
    return {row.student_id: row for row in rows if row.student_id is not None}


async def lock_seat(session: AsyncSession, student_id: int) -> Student | None:
    """None where it is being given to somebody at this moment."""
    query = (
        select(Student)
        .where(Student.id == student_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()

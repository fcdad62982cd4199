"""Every query about commands."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from wod_api_db.commands.models import CommandEventRow, CommandRow
from wod_api_db.states import OUTSTANDING
from wod_common.commands import CommandState, Verb

DUE = CommandRow.state.in_(OUTSTANDING) & (CommandRow.due_at <= func.now())


async def registration_of(session: AsyncSession, command_id: UUID) -> tuple[int | None, int] | None:
    """The command's registration, if it has one, and location, without a lock: its registration's row is locked first."""
    query = select(CommandRow.registration_id, CommandRow.location_id).where(CommandRow.id == command_id)
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def student_of(session: AsyncSession, command_id: UUID) -> int:
    return (await session.execute(select(CommandRow.student_id).where(CommandRow.id == command_id))).scalar_one()


async def lock(session: AsyncSession, command_id: UUID) -> CommandRow:
    query = (
        select(CommandRow)
        .where(CommandRow.id == command_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one()


async def outstanding(session: AsyncSession, student_id: int) -> CommandRow | None:
    query = (
        select(CommandRow)
        .where(CommandRow.student_id == student_id, CommandRow.state.in_(OUTSTANDING))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def store_event(session: AsyncSession, command_id: UUID, number: int, data: dict[str, Any]) -> bool:
    """False where this number of this command is already there."""
    statement = (
        insert(CommandEventRow)
        .values(command_id=command_id, number=number, data=data)
        .on_conflict_do_nothing()
        .returning(CommandEventRow.number)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def claim(session: AsyncSession, command_id: UUID, lease: timedelta) -> CommandRow | None:
    """The command if it is due to be sent, its attempt counted and its next date put behind the lease."""
    statement = (
        update(CommandRow)
        .where(CommandRow.id == command_id, CommandRow.state.in_(OUTSTANDING), CommandRow.due_at <= func.now())
        .values(attempts=CommandRow.attempts + 1, due_at=func.now() + lease)
        .returning(CommandRow)
        .execution_options(populate_existing=True)
    )
    found = (await session.execute(statement)).scalar_one_or_none()
    if found is None:
        return None
    query = (
        select(CommandRow)
        .where(CommandRow.id == command_id)
        .options(joinedload(CommandRow.student), joinedload(CommandRow.location))
    )
    return (await session.execute(query)).scalar_one()


async def due(session: AsyncSession, limit: int = 50) -> Sequence[tuple[UUID, int]]:
    """Commands to be sent, or sent again, with the attempts made so far."""
    query = select(CommandRow.id, CommandRow.attempts).where(DUE).order_by(CommandRow.due_at).limit(limit)
    return [(row[0], row[1]) for row in await session.execute(query)]


async def read(session: AsyncSession, command_id: UUID) -> CommandRow | None:
    return (await session.execute(select(CommandRow).where(CommandRow.id == command_id))).scalar_one_or_none()


async def reports_of(session: AsyncSession, command_id: UUID) -> Sequence[CommandEventRow]:
    query = select(CommandEventRow).where(CommandEventRow.command_id == command_id).order_by(CommandEventRow.number)
    return (await session.execute(query)).scalars().all()


def listed(
    *,
    registration: int | None,
    student: int | None,
    location: int | None,
    state: CommandState | None,
    verb: Verb | None,
) -> Select[Any]:
    query = select(CommandRow)
    for column, value in (
        (CommandRow.registration_id, registration),
        (CommandRow.student_id, student),
        (CommandRow.location_id, location),
        (CommandRow.state, state),
        (CommandRow.verb, verb),
    ):
        if value is not None:
            query = query.where(column == value)
    return query

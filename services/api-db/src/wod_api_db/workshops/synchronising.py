"""Brings the workshops of the content folders into the database."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.workshops.definition import WorkshopDefinition
from wod_api_db.workshops.models import Placement, Workshop

_NOT_COLUMNS = {"capacity", "range"}


async def synchronise(session: AsyncSession, definitions: Sequence[WorkshopDefinition], location_id: int) -> None:
    """Creates, updates, retires. A placement's capacity is the operator's once it is there; its range is the file's."""
    for definition in definitions:
        workshop_id = await _upsert_workshop(session, definition)
        await _upsert_placement(session, workshop_id, location_id, definition)
    await session.execute(
        update(Workshop)
        .where(Workshop.notebook.not_in([item.notebook for item in definitions]), Workshop.retired_at.is_(None))
        .values(retired_at=func.now())
    )


async def _upsert_workshop(session: AsyncSession, definition: WorkshopDefinition) -> int:
    values = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in definition
        if name not in _NOT_COLUMNS
    }
    statement = insert(Workshop).values(values)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Workshop.notebook], set_=values | {"retired_at": None, "updated_at": func.now()}
        )
    )
    query = select(Workshop.id).where(Workshop.notebook == definition.notebook)
    return (await session.execute(query)).scalar_one()


async def _upsert_placement(
    session: AsyncSession, workshop_id: int, location_id: int, definition: WorkshopDefinition
) -> None:
    seats = {"first_seat": definition.range.first, "last_seat": definition.range.last}
    statement = insert(Placement).values(
        workshop_id=workshop_id, location_id=location_id, capacity=definition.capacity, **seats
    )
    await session.execute(
        statement.on_conflict_do_update(index_elements=[Placement.workshop_id, Placement.location_id], set_=seats)
    )

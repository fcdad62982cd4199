"""Lists by cursor: newest first, a page at a time, stable while rows are added."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from wod_common.problems import Unprocessable

Item = TypeVar("Item")
LARGEST_ID = 2**63 - 1


class Page(BaseModel, Generic[Item]):
    """``next`` is the cursor of the following page; null on the last one."""

    items: list[Item]
    next: str | None = Field(default=None, description="Send it back as ``cursor`` for the following page")


class Position:
    """Where a list goes on, and how far."""

    def __init__(self, before: int | None, limit: int) -> None:
        self.before = before
        self.limit = limit


def _position(
    cursor: Annotated[str | None, Query(max_length=40, description="``next`` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Position:
    return Position(_read(cursor) if cursor is not None else None, limit)


PositionDep = Annotated[Position, Depends(_position)]


def cursor_of(identity: int) -> str:
    return base64.urlsafe_b64encode(str(identity).encode()).decode().rstrip("=")


def _read(cursor: str) -> int:
    """Raises Unprocessable."""
    try:
        identity = int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        identity = -1
    if not 0 <= identity <= LARGEST_ID or cursor_of(identity) != cursor:
        message = f"{cursor!r} is not a cursor of this list; begin again without one"
        raise Unprocessable(f"cursor: {message}", errors=[{"field": "cursor", "message": message}])
    return identity


async def page_of(
    session: AsyncSession, query: Select[Any], identity: InstrumentedAttribute[int], position: Position
) -> tuple[Sequence[Any], str | None]:
    """The rows of one page, by falling ``identity``, and the cursor of the next. ``query`` selects one entity."""
    if position.before is not None:
        query = query.where(identity < position.before)
    rows = (await session.execute(query.order_by(identity.desc()).limit(position.limit + 1))).scalars().all()
    if len(rows) <= position.limit:
        return rows, None
    page = rows[: position.limit]
    return page, cursor_of(getattr(page[-1], identity.key))

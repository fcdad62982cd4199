"""Lists by cursor: newest first, a page at a time, stable while rows are added."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from wod_common.problems import Unprocessable

Item = TypeVar("Item")
LARGEST_ID = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Cursor = Annotated[str | None, Query(max_length=80, description="``next`` of the page before", examples=["MTA0MQ"])]
Limit = Annotated[int, Query(ge=1, le=500)]


class Page(BaseModel, Generic[Item]):
    """``next`` is the cursor of the following page; null on the last one."""

    items: list[Item]
    next: str | None = Field(default=None, description="Send it back as ``cursor`` for the following page")


class Position:
    """Where a list goes on, and how far."""

    def __init__(self, before: int | None, limit: int) -> None:
        self.before = before
        self.limit = limit


class TimedPosition:
    """The same for rows whose ids have no order: behind a time and, of those at that very time, an id."""

    def __init__(self, before: tuple[datetime, UUID] | None, limit: int) -> None:
        self.before = before
        self.limit = limit


async def _position(cursor: Cursor = None, limit: Limit = 100) -> Position:
    return Position(_read(cursor) if cursor is not None else None, limit)


async def _timed_position(cursor: Cursor = None, limit: Limit = 100) -> TimedPosition:
    return TimedPosition(_read_timed(cursor) if cursor is not None else None, limit)


PositionDep = Annotated[Position, Depends(_position)]
TimedPositionDep = Annotated[TimedPosition, Depends(_timed_position)]


def cursor_of(identity: int) -> str:
    return _encode(str(identity))


def timed_cursor_of(at: datetime, identity: UUID) -> str:
    return _encode(f"{(at - _EPOCH) // timedelta(microseconds=1)}:{identity.hex}")


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    """Raises ValueError."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except binascii.Error as error:
        raise ValueError("no base64") from error


def _read(cursor: str) -> int:
    """Raises Unprocessable."""
    try:
        identity = int(_decode(cursor))
    except ValueError:
        identity = -1
    if not 0 <= identity <= LARGEST_ID or cursor_of(identity) != cursor:
        raise _no_cursor(cursor)
    return identity


def _read_timed(cursor: str) -> tuple[datetime, UUID]:
    """Raises Unprocessable."""
    try:
        microseconds, _, identity = _decode(cursor).partition(":")
        read = _EPOCH + timedelta(microseconds=int(microseconds)), UUID(hex=identity)
    except (ValueError, OverflowError):
        raise _no_cursor(cursor) from None
    if timed_cursor_of(*read) != cursor:
        raise _no_cursor(cursor)
    return read


def _no_cursor(cursor: str) -> Unprocessable:
    message = f"{cursor!r} is not a cursor of this list; begin again without one"
    return Unprocessable(f"cursor: {message}", errors=[{"field": "cursor", "message": message}])


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


async def timed_page_of(
    session: AsyncSession,
    query: Select[Any],
    at: InstrumentedAttribute[datetime],
    identity: InstrumentedAttribute[UUID],
    position: TimedPosition,
) -> tuple[Sequence[Any], str | None]:
    """As ``page_of``, by falling time; rows of one time by falling id."""
    if position.before is not None:
        query = query.where(tuple_(at, identity) < tuple_(*position.before))
    query = query.order_by(at.desc(), identity.desc()).limit(position.limit + 1)
    rows = (await session.execute(query)).scalars().all()
    if len(rows) <= position.limit:
        return rows, None
    page = rows[: position.limit]
    return page, timed_cursor_of(getattr(page[-1], at.key), getattr(page[-1], identity.key))

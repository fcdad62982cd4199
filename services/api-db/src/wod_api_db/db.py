"""The database: engine, session, and the job queue that shares the session's transaction."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pgqueuer.adapters.persistence.queries import Queries
from sqlalchemy import DateTime, Interval, Text, event, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from wod_api_db.settings import Settings


class Base(DeclarativeBase):
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - a clock set by the database is read back at once
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: DateTime(timezone=True),
        timedelta: Interval(),
        str: Text(),
        dict[str, Any]: JSONB(),
        list[str]: JSONB(),
    }


def make_engine(settings: Settings, *, pool_size: int = 20) -> AsyncEngine:
    engine = create_async_engine(
        settings.database_url.get_secret_value(), pool_size=pool_size, max_overflow=0, pool_timeout=30
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """A connection that the server has closed is known as closed: no need to ask over the wire at every checkout.

    Raises InvalidatePoolError, upon which the pool makes new ones.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def make_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine, expire_on_commit=False)


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    sessions: async_sessionmaker[AsyncSession] = request.app.state.sessions
    async with sessions.begin() as session:
        yield session


#: One transaction per request. ``scope="function"`` commits before the answer leaves: who reads 201 finds the row.
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]


async def _immediate_session(request: Request) -> AsyncIterator[AsyncSession]:
    sessions: async_sessionmaker[AsyncSession] = request.app.state.sessions
    async with sessions(bind=at_once(sessions.kw["bind"])) as session:
        yield session
        await session.commit()


def at_once(engine: AsyncEngine) -> AsyncEngine:
    """The same pool of connections, in which each statement is a transaction of its own."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


#: For what is one statement: it commits itself, without two more messages to the database.
ImmediateSessionDep = Annotated[AsyncSession, Depends(_immediate_session, scope="function")]


#: The database's clock, as of the transaction: every deadline is set and judged by it.
now = func.now()


class _SessionDriver:
    """PgQueuer's driver on the session's own connection, so that a job lives and dies with the transaction.

    On the raw asyncpg connection a first statement would commit by itself.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        connection = await self._session.connection()
        result = await connection.exec_driver_sql(query, tuple(args))
        return [dict(row) for row in result.mappings()]


@dataclass(frozen=True)
class Job:
    """Something to do after the commit. ``attempt`` tells a new try from one whose worker died with the job in hand."""

    entrypoint: str
    subject: UUID
    attempt: int = 0

    @property
    def key(self) -> str:
        return f"{self.entrypoint}:{self.subject}:{self.attempt}"


async def enqueue(session: AsyncSession, *jobs: Job) -> None:
    """Visible to the workers once the transaction commits; a job that is queued already stays one job."""
    if jobs:
        await Queries(_SessionDriver(session)).enqueue(  # type: ignore[arg-type]  # all that enqueue uses of a driver
            [job.entrypoint for job in jobs],
            [str(job.subject).encode() for job in jobs],
            [0] * len(jobs),
            dedupe_key=[job.key for job in jobs],
            on_conflict="skip",
        )

"""Once a second: what is due, and nothing else, whatever has ever been registered."""

from collections.abc import Awaitable, Callable

from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.accounts.models import WorkerSighting
from wod_api_db.commands import repository as commands
from wod_api_db.commands.issuing import SEND_COMMAND
from wod_api_db.db import Job, enqueue
from wod_api_db.locations import heartbeats
from wod_api_db.mail import delivering
from wod_api_db.registrations import lifecycle, range_reset, repository
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState

Act = Callable[[AsyncSession, Registration], Awaitable[None]]


async def _stuck(session: AsyncSession, registration: Registration) -> None:
    where = "its command" if registration.state is RegistrationState.REGISTERED else "the deployment"
    await lifecycle.fail(session, registration, f"the location did not finish {where} in time")


async def _over(session: AsyncSession, registration: Registration) -> None:
    await lifecycle.end(session, registration, reason="time")


#: In this order: who is past the end is not warned of it any more.
DEADLINES: tuple[tuple[ColumnElement[bool], Act], ...] = (
    (repository.STUCK, _stuck),
    (repository.ENDING, _over),
    (repository.EXPIRING, lifecycle.expiring),
    (repository.NO_SHOW, lifecycle.not_shown_up),
)


async def sweep(sessions: async_sessionmaker[AsyncSession], worker: str) -> None:
    """Deadlines become transitions, due rows become jobs. Workers pass over what another one holds."""
    async with sessions.begin() as session:
        sighting = insert(WorkerSighting).values(id=worker, seen_at=func.now())
        await session.execute(
            sighting.on_conflict_do_update(index_elements=[WorkerSighting.id], set_={"seen_at": func.now()})
        )
    for condition, act in DEADLINES:
        async with sessions.begin() as session:
            for registration in await repository.claim_due(session, condition):
                await act(session, registration)
    await range_reset.sweep(sessions)
    async with sessions.begin() as session:
        await heartbeats.watch(session)
    async with sessions.begin() as session:
        jobs = [Job(SEND_COMMAND, identity, attempts) for identity, attempts in await commands.due(session)]
        await enqueue(session, *jobs, *await delivering.due(session))

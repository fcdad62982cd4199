"""Once a second: what is due, and nothing else, whatever has ever been registered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.accounts.models import WorkerSighting
from wod_api_db.classes import booked as classes
from wod_api_db.classes import sweeping as class_sweeping
from wod_api_db.commands import queue
from wod_api_db.commands import repository as commands
from wod_api_db.commands.issuing import SEND_COMMAND
from wod_api_db.db import Job, enqueue
from wod_api_db.locations import heartbeats
from wod_api_db.locations.health import healthy
from wod_api_db.locations.models import Location
from wod_api_db.mail import delivering
from wod_api_db.mail import repository as mails
from wod_api_db.notices import digest
from wod_api_db.notices.models import Notice
from wod_api_db.ready import repository as ready
from wod_api_db.ready import sweeping
from wod_api_db.registrations import lifecycle, range_reset, repository
from wod_api_db.registrations.models import OFFERED, Registration
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.waiting import offering
from wod_api_db.waiting import repository as waiting
from wod_api_db.workshops.models import Placement

Act = Callable[[AsyncSession, Registration], Awaitable[None]]


async def _fail_what_is_stuck(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with sessions.begin() as session:
        await queue.let_wait(session)
        for registration in await repository.claim_due(session, repository.STUCK):
            await _stuck(session, registration)


async def _stuck(session: AsyncSession, registration: Registration) -> None:
    where = "its command" if registration.state is RegistrationState.REGISTERED else "the deployment"
    await lifecycle.fail(session, registration, f"the location did not finish {where} in time")


async def _over(session: AsyncSession, registration: Registration) -> None:
    await lifecycle.end(session, registration, reason="time")


async def _retired(session: AsyncSession, registration: Registration) -> None:
    await lifecycle.end(session, registration, reason="retired")


async def _due_jobs(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with sessions.begin() as session:
        jobs = [Job(SEND_COMMAND, identity, attempts) for identity, attempts in await commands.due(session)]
        await enqueue(session, *jobs, *await delivering.due(session))


async def _watch_locations(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with sessions.begin() as session:
        await heartbeats.watch(session)


async def _tell_operator(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with sessions.begin() as session:
        await digest.queue_digest(session)


@dataclass(frozen=True)
class Step:
    """``due`` says of all that ``act`` could do whether there is any, without reading more than one row of it."""

    due: ColumnElement[bool]
    act: Callable[[async_sessionmaker[AsyncSession]], Awaitable[None]]

    @classmethod
    def deadline(cls, condition: ColumnElement[bool], act: Act, due: ColumnElement[bool] | None = None) -> "Step":
        async def step(sessions: async_sessionmaker[AsyncSession]) -> None:
            async with sessions.begin() as session:
                for registration in await repository.claim_due(session, condition):
                    await act(session, registration)

        return cls(exists().where(condition) if due is None else due, step)


#: In this order: who is past the end is not warned of it any more, and what one has let lapse goes to the next.
STEPS = (
    Step(exists().where(repository.STUCK), _fail_what_is_stuck),
    Step.deadline(repository.ENDING, _over),
    Step.deadline(repository.EXPIRING, lifecycle.expiring),
    Step.deadline(repository.NO_SHOW, lifecycle.not_shown_up),
    Step.deadline(waiting.LAPSED, offering.pass_on),
    Step.deadline(waiting.IN_VAIN, _over),
    Step.deadline(waiting.OF_RETIRED, _retired, waiting.RETIRED_WITH_LINE),
    Step(exists().where(OFFERED), offering.withdraw),
    Step(waiting.LINES, offering.offer_room),
    Step(exists().where(or_(Placement.reset_range, Placement.range_reset.is_not(None))), range_reset.sweep),
    Step(exists().where(or_(classes.ENDING, classes.HELD, classes.UNMEASURED)), class_sweeping.sweep),
    Step(ready.DUE, sweeping.sweep),
    Step(exists().where(or_(Location.unhealthy_since.is_not(None), ~healthy())), _watch_locations),
    Step(exists().where(Notice.mailed_at.is_(None)), _tell_operator),
    Step(or_(exists().where(commands.DUE), exists().where(mails.DUE)), _due_jobs),
)
_DUE = select(*(step.due for step in STEPS))


async def sweep(sessions: async_sessionmaker[AsyncSession], worker: str) -> None:
    """Deadlines become transitions, due rows become jobs. Workers pass over what another one holds.

    What is due is asked of all steps in one statement; what a step makes due for a later one waits for the next sweep.
    """
    async with sessions.begin() as session:
        sighting = insert(WorkerSighting).values(id=worker, seen_at=func.now())
        await session.execute(
            sighting.on_conflict_do_update(index_elements=[WorkerSighting.id], set_={"seen_at": func.now()})
        )
        due = (await session.execute(_DUE)).one()
    for step, is_due in zip(STEPS, due, strict=True):
        if is_due:
            await step.act(sessions)

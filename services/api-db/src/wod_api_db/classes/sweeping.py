"""What the sweep does for classes: ends them, has their seats' going out of reach heard of, measures anew how early
their labs are to be begun."""

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.classes import fitting, grounds, repository, service
from wod_api_db.classes.booked import ENDING, UNMEASURED
from wod_api_db.classes.fitting import Wish
from wod_api_db.classes.models import Class
from wod_api_db.db import now


async def sweep(sessions: async_sessionmaker[AsyncSession]) -> None:
    """Each step in a transaction of its own, so that none holds rows for longer than it needs."""
    for step in (_end, repository.note_held, _measure):
        async with sessions.begin() as session:
            await step(session)


async def _end(session: AsyncSession) -> None:
    for taught in await repository.claim(session, ENDING):
        await service.end(session, taught, "time")


async def _measure(session: AsyncSession) -> None:
    for taught in await repository.claim(session, UNMEASURED):
        await _measured(session, taught)


async def _measured(session: AsyncSession, taught: Class) -> None:
    """Where its placement takes nobody at present it stays as it was."""
    clock = await repository.clock(session)
    places = await grounds.of_workshop(session, taught.workshop_id, but=taught.id)
    wish = Wish(taught.seats, taught.speaker_seat, taught.starts_at, taught.ends_at)
    for ground in places:
        if ground.placement_id == taught.placement_id:
            taught.deploy_from = min(taught.opens_at, fitting.deployment(ground, wish, clock))
    taught.measured_at = now
    await session.flush()

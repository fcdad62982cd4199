"""The line of a workshop moves: room is offered to the first, taken back, and passed on.

Every function that changes a registration expects its row locked.
"""

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.db import now
from wod_api_db.mail.outbox import queue_mail
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.states import REGISTRATION
from wod_api_db.waiting import repository
from wod_api_db.workshops.models import Placement


async def offer_room(sessions: async_sessionmaker[AsyncSession]) -> None:
    """Whatever room there is goes to those who wait for it, the first first; one transaction each."""
    async with sessions() as session:
        workshops = await repository.with_room_and_line(session)
    for workshop_id in workshops:
        going_on = True
        while going_on:
            async with sessions.begin() as session:
                going_on = await _offer_to_the_next(session, workshop_id)


async def _offer_to_the_next(session: AsyncSession, workshop_id: int) -> bool:
    """Whether there may be more to offer."""
    first = await repository.first_in_line(session, workshop_id)
    registration = await registrations.lock(session, first) if first is not None else None
    if registration is None:
        return False
    if registration.state is not RegistrationState.WAITING:
        return True  # he has left, or another worker was faster
    await repository.lock_places(session, workshop_id)
    placement = await repository.place_with_room(session, workshop_id)
    if placement is None:
        return False
    await _offer(session, registration, placement)
    return True


async def _offer(session: AsyncSession, registration: Registration, placement: Placement) -> None:
    registration.state = REGISTRATION.check(registration.state, RegistrationState.OFFERED)
    registration.placement_id, registration.location_id = placement.id, placement.location_id
    registration.offered_at = now
    registration.offer_ends_at = now + registration.offer_limit
    await session.flush()
    await session.refresh(registration, ["offer_ends_at", "location"])
    assert registration.offer_ends_at is not None
    until = registration.offer_ends_at.isoformat()
    await lifecycle.tell(session, registration, "offered", until=until)
    await queue_mail(session, registration, "offer", occasion=until, until=until)


async def pass_on(session: AsyncSession, registration: Registration) -> None:
    """Nobody has answered in time. Whom the mail could not reach yet was not asked: he keeps his place."""
    if await repository.is_unsent(session, registration.id):
        await _back_into_line(session, registration, "offer-unsent")
    else:
        await lifecycle.end(session, registration, reason="offer-lapsed")


async def withdraw(sessions: async_sessionmaker[AsyncSession]) -> None:
    """Offers that cannot be kept any more are taken back at once, before somebody walks up to a closed door."""
    async with sessions() as session:
        offers = await repository.offers_in_vain(session)
    for identity in offers:
        async with sessions.begin() as session:
            registration = await registrations.lock(session, identity)
            if registration is None or registration.state is not RegistrationState.OFFERED:
                continue
            assert registration.placement_id is not None
            await registrations.lock_placement(session, registration.placement_id)
            if await repository.is_in_vain(session, registration):
                await _take_back(session, registration)


async def _take_back(session: AsyncSession, registration: Registration) -> None:
    assert registration.offer_ends_at is not None
    occasion = registration.offer_ends_at.isoformat()
    was_unsent = await repository.is_unsent(session, registration.id)
    await _back_into_line(session, registration, "offer-withdrawn")
    if not was_unsent:  # the mail with the offer stays here, and so does its contradiction
        await queue_mail(session, registration, "offer-withdrawn", occasion=occasion)


async def _back_into_line(session: AsyncSession, registration: Registration, event: str) -> None:
    registration.state = REGISTRATION.check(registration.state, RegistrationState.WAITING)
    registration.step_back()
    await session.flush()
    await lifecycle.tell(session, registration, event)

"""The rules of locations: what may be made, changed, drained and taken away. Every change is audited."""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.db import now
from wod_api_db.locations import repository
from wod_api_db.locations.models import Location, Transport
from wod_api_db.locations.schemas import LocationChange, NewLocation
from wod_api_db.settings import Settings
from wod_common.problems import Conflict, NotFound, Unprocessable

SHOWN = 20


def unknown(location_id: int) -> NotFound:
    return NotFound(f"there is no location {location_id}; GET /api/v1/locations lists them")


def some(items: list[str]) -> str:
    """The first of them, for a sentence."""
    more = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {more} more" if more > 0 else "")


async def create(session: AsyncSession, claims: Claims, settings: Settings, wanted: NewLocation) -> None:
    """Raises Conflict and Unprocessable."""
    await repository.lock_intervals(session)
    if await repository.by_id(session, wanted.id) is not None:
        raise Conflict(f"there is a location {wanted.id} already; change it, or take another id")
    await _name_is_free(session, wanted.id, wanted.name)
    await _interval_is_free(session, wanted.id, wanted.basestdid, wanted.seats)
    values: dict[str, Any] = wanted.model_dump(exclude={"agent_token"})
    if wanted.agent_token is not None:
        values["sealed_agent_token"] = settings.agent_tokens.seal(wanted.agent_token.get_secret_value())
    location = Location(**values)
    _reachable(location)
    session.add(location)
    await session.flush()
    await repository.add_seats(session, location)
    await record(session, claims, "location.create", "location", wanted.id, **_told(wanted))


async def change(
    session: AsyncSession, claims: Claims, settings: Settings, location_id: int, wanted: LocationChange
) -> None:
    """Raises NotFound, Conflict and Unprocessable."""
    if wanted.seats is not None:
        await repository.lock_intervals(session)
    location = await repository.lock(session, location_id)
    if location is None:
        raise unknown(location_id)
    if wanted.name is not None:
        await _name_is_free(session, location_id, wanted.name)
    before = location.seats
    for name, value in wanted.model_dump(exclude_unset=True, exclude={"agent_token"}).items():
        setattr(location, name, value)
    if "agent_token" in wanted.model_fields_set:
        token = wanted.agent_token
        location.sealed_agent_token = settings.agent_tokens.seal(token.get_secret_value()) if token else None
    _reachable(location)
    if location.seats != before:
        await _resize(session, location, before)
    await session.flush()
    await record(session, claims, "location.change", "location", location_id, **_told(wanted))


async def _resize(session: AsyncSession, location: Location, before: int) -> None:
    with session.no_autoflush:  # the constraint would speak before we can name what is in the way
        if location.seats > before:
            await _interval_is_free(session, location.id, location.basestdid, location.seats)
        else:
            await _seats_are_free(session, location)
    await session.flush()
    if location.seats > before:
        await repository.add_seats(session, location)
    else:
        await repository.drop_unused_seats(session, location.id, above=location.seats)


async def _seats_are_free(session: AsyncSession, location: Location) -> None:
    needing = [
        f"{notebook} (up to {last})"
        for notebook, last in await repository.needing(session, location.id, location.seats)
    ]
    if needing:
        raise Conflict(
            f"{location.name} cannot have {location.seats} seats: {some(needing)} needs more; change its range"
        )
    used = await repository.lock_seats_in_use(session, location.id, above=location.seats)
    if used:
        seats = some([f"{student.username} ({student.state})" for student in used])
        raise Conflict(f"{location.name} cannot have {location.seats} seats while these are not free: {seats}")


async def _name_is_free(session: AsyncSession, location_id: int, name: str) -> None:
    other = await repository.named_alike(session, location_id, name)
    if other is not None:
        raise Conflict(f"location {other.id} is called {name!r} already; take another name")


async def _interval_is_free(session: AsyncSession, location_id: int, basestdid: int, seats: int) -> None:
    wanted = f"the seats {basestdid + 1} to {basestdid + seats}"
    other = await repository.overlapping(session, location_id, basestdid, seats)
    if other is not None:
        theirs = f"{other.basestdid + 1} to {other.basestdid + other.seats}"
        raise Conflict(f"{wanted} overlap those of location {other.id}, {other.name}, which has {theirs}")
    former = await repository.former_owner(session, location_id, basestdid, seats)
    if former is not None:
        raise Conflict(
            f"{wanted} overlap former seats of location {former.id}, {former.name}, which past registrations name"
        )


def _reachable(location: Location) -> None:
    """Raises Unprocessable where commands could not be sent."""
    if location.transport is not Transport.REST:
        return
    for field, value in (("agent_url", location.agent_url), ("agent_token", location.sealed_agent_token)):
        if not value:
            message = "transport rest needs the agent's URL and its token"
            raise Unprocessable(f"{field}: {message}", errors=[{"field": field, "message": message}])


def _told(wanted: NewLocation | LocationChange) -> dict[str, Any]:
    """What was asked for; of the token only that there was one."""
    told = wanted.model_dump(mode="json", exclude_unset=True, exclude={"agent_token", "id"})
    if "agent_token" in wanted.model_fields_set:
        told["agent_token"] = "changed" if wanted.agent_token else "removed"
    return told


async def delete(session: AsyncSession, claims: Claims, location_id: int) -> None:
    """Raises NotFound, and Conflict while anything refers to it."""
    location = await repository.lock(session, location_id)
    if location is None:
        raise unknown(location_id)
    refused = f"{location.name} cannot be taken away: {{}} refer to it; drain it instead"
    references = await repository.references(session, location_id)
    if references:
        raise Conflict(refused.format(", ".join(references)))
    try:
        async with session.begin_nested():
            await repository.remove(session, location_id)
    except IntegrityError as error:
        raise Conflict(refused.format("rows that were made at this moment")) from error
    await record(session, claims, "location.delete", "location", location_id, name=location.name)


async def drain(session: AsyncSession, claims: Claims, location_id: int, *, drained: bool) -> None:
    """Nobody new, or again everybody; repeated, it changes nothing. Raises NotFound."""
    location = await repository.lock(session, location_id)
    if location is None:
        raise unknown(location_id)
    if drained is (location.drained_at is not None):
        return
    location.drained_at = now if drained else None
    await session.flush()
    await record(session, claims, "location.drain" if drained else "location.undrain", "location", location_id)

"""The rules of placements: where a workshop is given, with which seats, and who may not be in each other's way.

Whoever changes a range locks the location's row, then the workshop's placements: two ranges that are changed at once
would each find the other one's old seats. Who is in stays on his seat until his end, whatever is changed.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.db import now
from wod_api_db.locations import repository as locations
from wod_api_db.locations.models import Location
from wod_api_db.locations.service import some, unknown
from wod_api_db.workshops import placement_repository as repository
from wod_api_db.workshops.models import Placement, RangeReset, Workshop
from wod_api_db.workshops.needs import lacking, why_refused
from wod_common.capabilities import Capability
from wod_common.problems import Conflict, NotFound, Unprocessable


@dataclass(frozen=True)
class Terms:
    """Where, with which seats, for how many, and as which choice."""

    location: int
    first: int
    last: int
    capacity: int
    rank: int = 0


async def workshop_named(session: AsyncSession, notebook: str) -> Workshop:
    """Raises NotFound."""
    workshop = await repository.workshop(session, notebook)
    if workshop is None:
        raise NotFound(f"there is no workshop {notebook!r}; GET /api/v1/workshops lists them")
    return workshop


async def move(session: AsyncSession, claims: Claims, notebook: str, terms: Terms) -> None:
    """From now on the workshop is given there. Raises NotFound and Conflict."""
    workshop = await workshop_named(session, notebook)
    await _place(session, workshop, terms)
    closed = await repository.close_others(session, workshop.id, terms.location)
    await record(session, claims, "workshop.move", "workshop", notebook, **_told(terms), closed=list(closed))


async def add(session: AsyncSession, claims: Claims, notebook: str, terms: Terms) -> None:
    """The workshop is given there as well. Raises NotFound, and Conflict where it is already."""
    workshop = await workshop_named(session, notebook)
    if await repository.of_workshop(session, workshop.id, terms.location):
        raise Conflict(f"{notebook} has a placement at location {terms.location} already; change that one")
    await _place(session, workshop, terms)
    await record(session, claims, "placement.create", "placement", f"{notebook}@{terms.location}", **_told(terms))


def _told(terms: Terms) -> dict[str, Any]:
    return dataclasses.asdict(terms)


async def _place(session: AsyncSession, workshop: Workshop, terms: Terms) -> None:
    location = await locations.lock(session, terms.location)
    if location is None:
        raise unknown(terms.location)
    await repository.lock_all(session, workshop.id)
    placement = await repository.lock(session, workshop.id, terms.location)
    if placement is None:
        placement = Placement(workshop_id=workshop.id, location_id=terms.location)
        session.add(placement)
    with session.no_autoflush:
        changed = (placement.first_seat, placement.last_seat) != (terms.first, terms.last)
        placement.first_seat, placement.last_seat = terms.first, terms.last
        placement.capacity, placement.rank = terms.capacity, terms.rank
        placement.closed_at = None
        placement.imported = False
        _can_be_given(location, workshop)
        _speaker_is_not_alone(placement)
        await _range_is_free(session, location, placement, changed=changed)
    await session.flush()


async def change(
    session: AsyncSession, claims: Claims, notebook: str, location_id: int, wanted: dict[str, Any]
) -> None:
    """``wanted`` holds what was named, by the names of the wire. Raises NotFound, Conflict and Unprocessable."""
    location, placement = await _locked(session, notebook, location_id)
    before = (placement.first_seat, placement.last_seat)
    with session.no_autoflush:
        placement.first_seat = wanted.get("first", placement.first_seat)
        placement.last_seat = wanted.get("last", placement.last_seat)
        placement.capacity = wanted.get("capacity", placement.capacity)
        placement.speaker_seat = wanted.get("speaker_seat", placement.speaker_seat)
        placement.rank = wanted.get("rank", placement.rank)
        placement.reset_range = wanted.get("reset_range", placement.reset_range)
        for bound in wanted.keys() & {"ready_minimum", "ready_maximum"}:
            _can_be_kept_ready(location, bound, wanted[bound])
            setattr(placement, bound, wanted[bound])
            # whoever changes it wants to see now whether it works
            placement.ready_retry_at = None
        reopened = wanted.get("closed") is False and placement.closed_at is not None
        if "closed" in wanted:
            placement.closed_at = (placement.closed_at or now) if wanted["closed"] else None
        changed = (placement.first_seat, placement.last_seat) != before
        if reopened:
            _can_be_given(location, await workshop_named(session, notebook))
        _speaker_is_not_alone(placement)
        if changed or reopened:
            await _range_is_free(session, location, placement, changed=changed)
        if changed:
            placement.imported = False
    await session.flush()
    await record(session, claims, "placement.change", "placement", f"{notebook}@{location_id}", **wanted)


def _speaker_is_not_alone(placement: Placement) -> None:
    if placement.speaker_seat and placement.first_seat == placement.last_seat:
        message = "the only seat cannot be the speaker's; give the range another one, or set speaker_seat to false"
        raise Unprocessable(message, errors=[{"field": "speaker_seat", "message": message}])


def _can_be_kept_ready(location: Location, bound: str, seats: int) -> None:
    if seats and location.capabilities is not None and Capability.KEPT_HOME not in location.capabilities:
        raise Conflict(
            f"{location.name} keeps no files while nobody is in a seat, so no seat can be ready there: "
            f"set {bound} to 0, or raise it where the location delivers through Ansible"
        )


async def _locked(session: AsyncSession, notebook: str, location_id: int) -> tuple[Location, Placement]:
    workshop = await workshop_named(session, notebook)
    location = await locations.lock(session, location_id)
    if location is None:
        raise unknown(location_id)
    placement = await repository.lock(session, workshop.id, location_id)
    if placement is None:
        raise nowhere(notebook, location_id)
    return location, placement


def nowhere(notebook: str, location_id: int) -> NotFound:
    return NotFound(
        f"{notebook} has no placement at location {location_id}; GET /api/v1/workshops/{notebook}/placements lists them"
    )


def _can_be_given(location: Location, workshop: Workshop) -> None:
    if missing := lacking(location, workshop):
        raise Conflict(why_refused(workshop.notebook, location, missing))


async def _range_is_free(session: AsyncSession, location: Location, placement: Placement, *, changed: bool) -> None:
    seats = f"seats {placement.first_seat} to {placement.last_seat}"
    if placement.first_seat > placement.last_seat:
        message = f"the range {placement.first_seat} to {placement.last_seat} ends before it begins"
        raise Unprocessable(f"last: {message}", errors=[{"field": "last", "message": message}])
    if changed and placement.range_reset is not None:
        raise Conflict("the range is being reset; change it when that is done")
    if placement.last_seat > location.seats:
        raise Conflict(f"{seats} go beyond the {location.seats} seats of {location.name}; it can be given more seats")
    if placement.closed_at is not None:
        return
    other = await repository.overlapping(session, placement)
    if other is not None:
        theirs = f"{other.first_seat} to {other.last_seat}"
        raise Conflict(f"{seats} overlap those of {other.workshop.notebook} at {location.name}, which has {theirs}")


async def reset(session: AsyncSession, claims: Claims, notebook: str, location_id: int) -> None:
    """The whole range is reset; nobody is let in until that is done. Raises NotFound, and Conflict while one is in."""
    _, placement = await _locked(session, notebook, location_id)
    if placement.range_reset is not None:
        return
    used = await repository.seats_in_use(session, placement)
    if used:
        seats = some([f"{student.username} ({workshop}, {student.state})" for student, workshop in used])
        raise Conflict(
            f"the range cannot be reset while these seats are in use: {seats}; close it and wait, or end them"
        )
    placement.range_reset = RangeReset.WAITING
    await session.flush()
    await record(session, claims, "placement.reset", "placement", f"{notebook}@{location_id}")

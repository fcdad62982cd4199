"""The rules of classes: what is booked, changed, opened and ended. Every act is audited.

Whoever books or changes locks the workshop's placements, as registering does: a class and a registration that counted
the room at once would both find the last seat.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims, Role
from wod_api_db.audit.service import record
from wod_api_db.classes import fitting, grounds, posting, repository
from wod_api_db.classes.booked import CLEANING
from wod_api_db.classes.codes import new_code
from wod_api_db.classes.errors import ClassDoesNotFit
from wod_api_db.classes.fitting import Ground, Wish
from wod_api_db.classes.models import Class
from wod_api_db.classes.repository import Figures
from wod_api_db.classes.schemas import ClassChange, NewClass
from wod_api_db.classes.states import ClassState, state_of
from wod_api_db.db import now
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.workshops.placement_repository import lock_all
from wod_common.problems import Conflict, NotFound, Unprocessable

SHORTEST, LONGEST = timedelta(minutes=10), timedelta(days=5)
#: How far ahead a class may begin: what lies farther is more often mistyped than meant.
HORIZON = timedelta(days=400)
#: Who books "now" has looked at a clock of his own.
_CLOCKS = timedelta(minutes=5)
_OVER = {ClassState.ENDED, ClassState.CANCELLED}


def sees_all(claims: Claims) -> bool:
    """Whoever runs the platform; an instructor sees his own."""
    return claims.role in {Role.MODERATOR, Role.ADMIN}


def _sees(claims: Claims, taught: Class) -> bool:
    return sees_all(claims) or taught.account_id == claims.account_id


async def get(session: AsyncSession, claims: Claims, class_id: int) -> Figures:
    """Raises NotFound, also for somebody else's class: whose it is, is nobody's business."""
    found = await repository.read(session, class_id)
    if found is None or not _sees(claims, found.taught):
        raise _unknown(class_id)
    return found


async def locked(session: AsyncSession, claims: Claims, class_id: int) -> Class:
    """Raises NotFound, and Conflict where it is over."""
    taught = await repository.lock(session, class_id)
    if taught is None or not _sees(claims, taught):
        raise _unknown(class_id)
    state = state_of(taught, await repository.clock(session))
    if state in _OVER:
        raise Conflict(f"class {class_id} is {state}; book another one")
    return taught


def _unknown(class_id: int) -> NotFound:
    return NotFound(f"you have no class {class_id}; GET /api/v1/classes lists them")


async def book(session: AsyncSession, claims: Claims, wanted: NewClass) -> int:
    """The class's id. Raises NotFound, Unprocessable and ClassDoesNotFit."""
    workshop = await repository.workshop(session, wanted.workshop)
    if workshop is None:
        raise NotFound(f"there is no open workshop {wanted.workshop}; GET /api/v1/workshops lists those that are")
    clock = await repository.clock(session)
    _check_times(wanted.starts_at, wanted.ends_at, clock)
    wish = Wish(wanted.seats, wanted.speaker_seat, wanted.starts_at, wanted.ends_at)
    await lock_all(session, workshop.id)
    ground = _choose(await grounds.of_workshop(session, workshop.id), wish, clock, wanted.location)
    taught = Class(
        code=new_code(),
        title=wanted.title,
        account_id=claims.account_id,
        instructor=claims.username,
        workshop_id=workshop.id,
        placement_id=ground.placement_id,
        seats=wanted.seats,
        speaker_seat=wanted.speaker_seat,
        **_times(ground, wish, clock),
    )
    session.add(taught)
    await session.flush()
    asked = wanted.model_dump(mode="json") | {"location": ground.location_id}
    await record(session, claims, "class.create", "class", taught.id, **asked)
    return taught.id


async def change(session: AsyncSession, claims: Claims, class_id: int, wanted: ClassChange) -> None:
    """Raises NotFound, Conflict, Unprocessable and ClassDoesNotFit."""
    taught = await locked(session, claims, class_id)
    held = await repository.holding(session, class_id)
    for identity in held:
        await registrations.lock(session, identity)
    given = wanted.model_dump(exclude_unset=True)
    before = (taught.starts_at, taught.ends_at, taught.title)
    clock = await repository.clock(session)
    _check_start_stays(taught, given, clock)
    if given.keys() - {"title"}:
        await _book_again(session, taught, given, clock)
    taught.title = given.get("title", taught.title)
    if (taught.starts_at, taught.ends_at, taught.title) != before:
        taught.revision += 1
        await posting.invite_all(session, taught)
    await session.flush()
    if taught.ends_at != before[1]:
        await _move_ends(session, held, taught.ends_at)
    await record(
        session, claims, "class.change", "class", class_id, **wanted.model_dump(mode="json", exclude_unset=True)
    )


def _check_start_stays(taught: Class, given: dict[str, Any], clock: datetime) -> None:
    if given.get("starts_at", taught.starts_at) != taught.starts_at and clock >= taught.opens_at:
        raise Conflict("its participants are let in already: the start stays, its end can be moved")


async def _book_again(session: AsyncSession, taught: Class, given: dict[str, Any], clock: datetime) -> None:
    """At the same place. What asks for no more than there was booked always fits."""
    starts_at, ends_at = given.get("starts_at", taught.starts_at), given.get("ends_at", taught.ends_at)
    _check_times(starts_at, ends_at, clock, began=starts_at == taught.starts_at)
    seats, speaker = given.get("seats", taught.seats), given.get("speaker_seat", taught.speaker_seat)
    wish = Wish(seats, speaker, starts_at, ends_at)
    asks_for_more = seats + speaker > taught.seats + taught.speaker_seat or ends_at > taught.ends_at
    if asks_for_more or starts_at != taught.starts_at:
        await lock_all(session, taught.workshop_id)
        places = await grounds.of_workshop(session, taught.workshop_id, but=taught.id)
        _move(taught, _choose(places, wish, clock, taught.placement.location_id), wish, clock)
    taught.seats, taught.speaker_seat, taught.ends_at = seats, speaker, ends_at


def _move(taught: Class, ground: Ground, wish: Wish, clock: datetime) -> None:
    """What has begun has begun: an open class stays open, and labs that are being made go on being made."""
    begun = [name for name in ("opens_at", "deploy_from") if getattr(taught, name) <= clock]
    stays = begun if wish.starts_at == taught.starts_at else []
    for name, value in _times(ground, wish, clock).items():
        if name not in stays:
            setattr(taught, name, value)


def _check_times(starts_at: datetime, ends_at: datetime, clock: datetime, *, began: bool = False) -> None:
    length = ends_at - starts_at
    message = None
    if not began and starts_at < clock - _CLOCKS:
        field, message = "starts_at", "lies in the past"
    elif starts_at > clock + HORIZON:
        field, message = "starts_at", f"lies more than {HORIZON.days} days ahead"
    elif not SHORTEST <= length <= LONGEST:
        field, message = "ends_at", "a class takes between 10 minutes and 5 days"
    elif ends_at <= clock:
        field, message = "ends_at", "lies in the past; POST /api/v1/classes/{id}/end ends a class at once"
    if message is not None:
        raise Unprocessable(f"{field}: {message}", errors=[{"field": field, "message": message}])


def _choose(places: list[Ground], wish: Wish, clock: datetime, location: int | None) -> Ground:
    """Raises ClassDoesNotFit."""
    for ground in places:
        if location in {None, ground.location_id} and fitting.fits(ground, wish, clock):
            return ground
    raise ClassDoesNotFit(_why_not(places, wish, clock, location), fitting.proposals(places, wish, clock))


def _why_not(places: list[Ground], wish: Wish, clock: datetime, location: int | None) -> str:
    asked = [ground for ground in places if location in {None, ground.location_id}]
    if not asked:
        where = "anywhere" if location is None else f"at location {location}"
        return f"this workshop is not given {where} at present; choose another location, or ask the operator"
    free = [
        f"{max(0, ground.left(fitting.deployment(ground, wish, clock), wish.ends_at + CLEANING))} "
        f"of {ground.seats} at {ground.location}"
        for ground in asked
    ]
    needed = max(ground.needed(wish) for ground in asked)
    return f"{needed} seats do not fit then: there are {', '.join(free)}; see the alternatives"


def _times(ground: Ground, wish: Wish, clock: datetime) -> dict[str, datetime]:
    return {
        "starts_at": wish.starts_at,
        "ends_at": wish.ends_at,
        "opens_at": fitting.opening(wish.starts_at, clock),
        "deploy_from": fitting.deployment(ground, wish, clock),
    }


async def _move_ends(session: AsyncSession, held: Any, ends_at: datetime) -> None:
    for identity in held:
        registration = await registrations.lock(session, identity)
        assert registration is not None
        await lifecycle.move_end(session, registration, ends_at)


async def open_now(session: AsyncSession, claims: Claims, class_id: int) -> None:
    """Labs are made and participants let in from now on. Raises NotFound, Conflict and ClassDoesNotFit."""
    taught = await locked(session, claims, class_id)
    clock = await repository.clock(session)
    if taught.opens_at <= clock:
        return
    await lock_all(session, taught.workshop_id)
    places = await grounds.of_workshop(session, taught.workshop_id, but=class_id)
    wish = Wish(taught.seats, taught.speaker_seat, clock, taught.ends_at)
    _choose(places, wish, clock, taught.placement.location_id)
    taught.opens_at = clock
    taught.deploy_from = min(taught.deploy_from, clock)
    await session.flush()
    await record(session, claims, "class.open", "class", class_id)


async def replace_code(session: AsyncSession, claims: Claims, class_id: int) -> None:
    """The old one has got into the wrong hands: it leads nowhere from now on, and who is in stays in.

    Whoever is invited hears of the new one. Raises NotFound and Conflict.
    """
    taught = await locked(session, claims, class_id)
    taught.code = new_code()
    taught.revision += 1
    await session.flush()
    await posting.invite_all(session, taught)
    # neither code: whoever reads what was done has no seat by that
    await record(session, claims, "class.code", "class", class_id)


async def end_by_hand(session: AsyncSession, claims: Claims, class_id: int) -> None:
    """Everybody's lab ends, and what is booked is free again; before anybody had a lab, it is cancelled. Raises NotFound and Conflict."""
    taught = await locked(session, claims, class_id)
    await end(session, taught, "instructor")
    await record(session, claims, "class.end", "class", class_id)


async def end(session: AsyncSession, taught: Class, reason: str) -> None:
    """The class's row is locked. ``reason`` is ``time`` or ``instructor``."""
    for identity in await repository.holding(session, taught.id):
        registration = await registrations.lock(session, identity)
        assert registration is not None
        await lifecycle.end(session, registration, reason="class")
    taught.ended_at = now
    taught.end_reason = reason
    await session.flush()
    await session.refresh(taught, ["ended_at"])
    assert taught.ended_at is not None
    if taught.ended_at < taught.starts_at and await repository.was_held(session, taught.id):
        # let in ahead of its time: it has begun then, and nobody is told that it was cancelled
        taught.starts_at = taught.opens_at
    await posting.tell_end(session, taught)

"""An operator sends a verb to seats. What he does stays within the rules: nobody's session ends unsaid, and every seat
that is worked on ends free, by the road that every seat takes.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.commands import by_hand_repository as repository
from wod_api_db.commands.by_hand_schemas import MOST_SEATS, OrderByHand, OrderReceipt, Outcome, SeatOrder
from wod_api_db.commands.issuing import issue
from wod_api_db.commands.repository import outstanding
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations.models import Registration
from wod_api_db.states import HOLDING, STUDENT
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement
from wod_common.commands import Verb
from wod_common.problems import Conflict, NotFound, Unprocessable

#: Verbs that work on a seat which nobody is in; the others find nothing to do in a clean one.
_FOR_FREE_SEATS = frozenset({Verb.RESET, Verb.PURGE})
_BY_HAND = _FOR_FREE_SEATS | {Verb.CLEANUP, Verb.DELETE}
_WAYS_OUT = {
    Verb.CREATE: "CREATE makes a lab for a person; register one for the workshop: POST /api/v1/registrations",
    Verb.PREPARE: "seats are made ahead by the placement's ready_minimum: PATCH /api/v1/workshops/{notebook}/placements/{id}",
    Verb.VERIFY: "a seat is verified by POST /api/v1/students/{id}/verify",
}
#: Of seats that are nobody's, which have a road of their own.
_UNHELD = {
    StudentState.FREE: "nobody has been in it since it was clean",
    StudentState.READY: "it is made ahead for the next person; a smaller ready_minimum of the placement has it purged",
    StudentState.PREPARING: "it is being made ahead or verified; wait for the end of that",
    StudentState.BROKEN: "it broke while nobody was in it; POST /api/v1/students/{id}/clean cleans it",
}
_MOST_NAMED = 20

Holders = Mapping[int, Registration]


class SeatsHeld(Conflict):
    """Somebody is in a seat, or the verb is not sent by hand."""

    type = "seats-held"


async def send(session: AsyncSession, claims: Claims, order: OrderByHand) -> OrderReceipt:
    """All of it or, where it is refused, nothing. Raises NotFound, Unprocessable, Conflict and SeatsHeld."""
    if order.verb not in _BY_HAND:
        raise Conflict(_WAYS_OUT.get(order.verb, f"{order.verb} is not sent by hand"))
    placement = await _placement(session, order)
    seats = await _seats(session, order, placement)
    holders = await repository.lock_holders(session, [seat.id for seat in seats])
    seats = await _seats(session, order, placement)  # who has come or gone before the locks
    if not order.force:
        _check_nobody_is_in(order, seats, holders)
    results = [await _send_to(session, order, seat, holders.get(seat.id)) for seat in seats]
    receipt = OrderReceipt(workshop=order.workshop, location=placement.location_id, seats=results)
    await _record(session, claims, order, receipt)
    return receipt


async def _placement(session: AsyncSession, order: OrderByHand) -> Placement:
    found = await repository.placements(session, order.workshop)
    if not found:
        raise NotFound(f"no workshop {order.workshop!r} is given anywhere; GET /api/v1/workshops lists them")
    here = [one for one in found if order.location in {None, one.location_id}]
    names = ", ".join(f"{one.location_id} ({one.location.name})" for one in found)
    if not here:
        raise NotFound(f"{order.workshop} is not given at location {order.location}, but at {names}")
    if len(here) > 1:
        message = f"{order.workshop} is given at {names}: say which"
        raise Unprocessable(f"location: {message}", errors=[{"field": "location", "message": message}])
    return here[0]


async def _seats(session: AsyncSession, order: OrderByHand, placement: Placement) -> Sequence[Student]:
    """Raises Unprocessable."""
    first = placement.first_seat if order.first is None else order.first
    last = placement.last_seat if order.first is None else order.last or first
    beyond = placement.location.seats
    message = None
    if last > beyond:
        message = f"{placement.location.name} has the seats 1 to {beyond}, not {last}"
    elif last - first >= MOST_SEATS:
        message = f"{first} to {last} are more than {MOST_SEATS} seats; send them in parts"
    if message is not None:
        raise Unprocessable(f"last: {message}", errors=[{"field": "last", "message": message}])
    return await repository.seats(session, placement.location_id, first, last)


def _is_in(order: OrderByHand, holder: Registration | None) -> bool:
    return holder is not None and holder.state in HOLDING and holder.workshop.notebook == order.workshop


def _check_nobody_is_in(order: OrderByHand, seats: Sequence[Student], holders: Holders) -> None:
    held = [
        f"student{seat.number} (registration {holders[seat.id].id})" for seat in seats if _holds(order, seat, holders)
    ]
    if held:
        more = f" and {len(held) - _MOST_NAMED} more" if len(held) > _MOST_NAMED else ""
        raise SeatsHeld(
            f"somebody is in {', '.join(held[:_MOST_NAMED])}{more}: nothing was sent. Choose other seats, wait for their "
            "end, end one with POST /api/v1/registrations/by-id/{id}/end, or send it with force to end them all"
        )


def _holds(order: OrderByHand, seat: Student, holders: Holders) -> bool:
    return _is_in(order, holders.get(seat.id))


async def _send_to(session: AsyncSession, order: OrderByHand, seat: Student, holder: Registration | None) -> SeatOrder:
    """``holder`` is locked: who is in the seat or was last."""
    if holder is None:
        return _skipped(seat, _UNHELD.get(seat.state, f"it is {seat.state}"))
    if reason := _hindrance(order, seat, holder):
        return _skipped(seat, reason)
    if _is_in(order, holder):
        await lifecycle.end(session, holder, reason="operator")
        return await _given(session, seat, Outcome.ENDED)
    if seat.state is StudentState.BROKEN:
        return await _take(session, order.verb, seat, holder, StudentState.CLEANING)
    locked = await repository.lock_seat(session, seat.id)
    if locked is None or locked.state is not StudentState.FREE:
        return _skipped(seat, "somebody gets it at this moment")
    holder.cleaned_at = None  # it is nobody's to give until it is free once more
    return await _take(session, order.verb, locked, holder, StudentState.RESETTING)


def _hindrance(order: OrderByHand, seat: Student, holder: Registration) -> str | None:
    if holder.workshop.notebook != order.workshop:
        return f"its last lab was {holder.workshop.notebook}; send it for that one"
    if _is_in(order, holder) or seat.state is StudentState.BROKEN:
        return None
    if seat.state is not StudentState.FREE:
        return f"it is {seat.state}; a command that waits is sent at once by POST /api/v1/commands/{{id}}/retry"
    return None if order.verb in _FOR_FREE_SEATS else "clean and free already"


async def _take(
    session: AsyncSession, verb: Verb, seat: Student, holder: Registration, through: StudentState
) -> SeatOrder:
    seat.state = STUDENT.check(seat.state, through)
    await issue(session, holder, verb)
    return await _given(session, seat, Outcome.SENT)


async def _given(session: AsyncSession, seat: Student, outcome: Outcome) -> SeatOrder:
    command = await outstanding(session, seat.id)
    assert command is not None
    return SeatOrder(number=seat.number, student_id=seat.id, outcome=outcome, verb=command.verb, command=command.id)


def _skipped(seat: Student, reason: str) -> SeatOrder:
    return SeatOrder(number=seat.number, student_id=seat.id, outcome=Outcome.SKIPPED, reason=reason)


async def _record(session: AsyncSession, claims: Claims, order: OrderByHand, receipt: OrderReceipt) -> None:
    outcomes = {
        outcome.value: [seat.number for seat in receipt.seats if seat.outcome is outcome] for outcome in Outcome
    }
    await record(
        session,
        claims,
        "command.send",
        "workshop",
        order.workshop,
        verb=order.verb,
        location=receipt.location,
        force=order.force,
        **outcomes,
    )

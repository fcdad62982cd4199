"""Room and booked seats counted once more, from bare rows and in Python: what the service decides is compared with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from api_support import Api

#: a session that begins now may hold its seat so much longer than it lasts; a seat is cleaned within that time
MARGIN, CLEANING = timedelta(minutes=20), timedelta(minutes=10)
_QUERIES = {
    "placements": """SELECT p.id, p.location_id, p.first_seat, p.last_seat, p.capacity, w.duration,
        p.ready_minimum, p.ready_maximum, p.closed_at IS NULL AND p.range_reset IS NULL AND l.drained_at IS NULL AS is_open
        FROM placements p JOIN locations l ON l.id = p.location_id JOIN workshops w ON w.id = p.workshop_id ORDER BY p.id""",
    "seats": "SELECT location_id, number, state, prepared_placement_id FROM students WHERE number <= 3",
    "registrations": """SELECT id, state, placement_id, class_id, speaks, duration, ends_at, ended_at, offer_ends_at,
        cleaned_at IS NULL AND student_id IS NOT NULL AS holds FROM registrations""",
    "classes": """SELECT id, placement_id, seats, speaker_seat, deploy_from, opens_at, ends_at FROM classes
        WHERE ended_at IS NULL""",
    "pauses": "SELECT id FROM pauses",
    "clock": "SELECT now()",
}


@dataclass(frozen=True)
class Rows:
    """As they stand between two rules."""

    placements: list[Any]
    seats: list[Any]
    registrations: list[Any]
    classes: list[Any]
    pauses: list[Any]
    now: datetime

    @classmethod
    async def read(cls, api: Api) -> "Rows":
        found = {name: await api.rows(query) for name, query in _QUERIES.items()}
        [(now,)] = found.pop("clock")
        return cls(**found, now=now)

    @property
    def line(self) -> int:
        return sum(row.state == "waiting" for row in self.registrations)

    def placement(self, identity: int) -> Any:
        return next(row for row in self.placements if row.id == identity)

    def taught(self, identity: int) -> Any | None:
        return next((row for row in self.classes if row.id == identity), None)

    def rooms(self) -> list[int]:
        return [self.room(placement) for placement in self.placements]

    def room(self, placement: Any, *, taking: int | None = None) -> int:
        """What is left for the public, who needs a seat at once: no more than that, and no less."""
        if not placement.is_open or self.pauses:
            return 0
        return max(0, self.uncommitted(placement, taking=taking))

    def uncommitted(self, placement: Any, *, taking: int | None = None) -> int:
        """Negative where more was promised than there is."""
        mine = [row for row in self.registrations if row.placement_id == placement.id]
        offered = sum(row.state == "offered" and row.id != taking for row in mine)
        free = self.seats_of(placement, "free", "ready")
        booked = self.booked(placement)
        # a lab that is being made for a class is one of the seats that the class has booked
        coming = free + self.seats_of(placement, "preparing")
        held = sum(row.holds for row in mine)
        left: int = min(placement.capacity - held - booked, coming - booked, free) - offered
        return left

    def seats_of(self, placement: Any, *states: str) -> int:
        return sum(
            seat.state in states
            for seat in self.seats
            if seat.location_id == placement.location_id and placement.first_seat <= seat.number <= placement.last_seat
        )

    def booked(self, placement: Any) -> int:
        """The most that classes want at any moment of a session that begins now."""
        until = self.now + placement.duration + MARGIN
        classes = [row for row in self.classes if row.placement_id == placement.id and row.ends_at > self.now]
        moments = [begins for row in classes if (begins := max(row.deploy_from, self.now)) < until]
        return max((self._wanted_at(moment, classes) for moment in moments), default=0)

    def _wanted_at(self, moment: datetime, classes: list[Any]) -> int:
        return sum(self.unclaimed(row) for row in classes if row.deploy_from <= moment < row.ends_at)

    def unclaimed(self, taught: Any) -> int:
        left: int = taught.seats + taught.speaker_seat - self.holders(taught.id)
        return max(0, left)

    def holders(self, class_id: int, *, speaking: tuple[bool, ...] = (True, False)) -> int:
        return sum(row.holds and row.class_id == class_id and row.speaks in speaking for row in self.registrations)

    def lets_in(self, taught: Any) -> bool:
        """Its participants, that is."""
        placement = self.placement(taught.placement_id)
        is_open = taught.opens_at <= self.now < taught.ends_at and placement.is_open and not self.pauses
        seats_left = taught.seats - self.holders(taught.id, speaking=(False,))
        return is_open and seats_left > 0 and self.seats_of(placement, "free", "ready") > 0

    def fits(self, placement_id: int, needed: int, begins: datetime, ends: datetime) -> bool:
        """Nobody who is in, was offered room or has booked is in the way, at any moment."""
        placement = self.placement(placement_id)
        held = [self._held_until(row) for row in self.registrations if self._is_in_the_way(row, placement_id)]
        booked = [row for row in self.classes if row.placement_id == placement_id]
        moments = chain([begins], (row.deploy_from for row in booked if begins < row.deploy_from < ends + CLEANING))
        seats = min(placement.capacity, self.seats_of(placement, "free", "ready", "preparing", *_IN_USE))
        return all(
            sum(until > moment for until in held)
            + sum(row.seats + row.speaker_seat for row in booked if row.deploy_from <= moment < row.ends_at + CLEANING)
            + needed
            <= seats
            for moment in moments
        )

    def _is_in_the_way(self, row: Any, placement_id: int) -> bool:
        is_booked = row.class_id is not None and self.taught(row.class_id) is not None
        return row.placement_id == placement_id and not is_booked and (row.holds or row.state == "offered")

    def _held_until(self, row: Any) -> datetime:
        until: datetime = self.now + row.duration + MARGIN
        if row.ended_at is not None:
            until = self.now + CLEANING
        elif row.ends_at is not None:
            until = max(row.ends_at, self.now) + CLEANING
        return until

    # what two sweeps put right

    def idle_room(self) -> list[int]:
        """Placements with room that somebody waits for."""
        return [row.id for row in self.placements if self.line and self.room(row) > 0]

    def offered_in_vain(self) -> list[int]:
        return [
            row.id
            for row in self.registrations
            if row.state == "offered" and self.room(self.placement(row.placement_id), taking=row.id) == 0
        ]

    def ready_without_reason(self) -> list[int]:
        """Placements with more ready seats than they are to keep and their classes need, or out of their ranges."""
        return [row.id for row in self.placements if self._ready(row) > self._wanted_ready(row)]

    def _ready(self, placement: Any) -> int:
        return sum(seat.state == "ready" and seat.prepared_placement_id == placement.id for seat in self.seats)

    def _wanted_ready(self, placement: Any) -> int:
        classes = [row for row in self.classes if row.placement_id == placement.id]
        wanted = max(int(placement.ready_minimum), int(placement.ready_maximum)) + self._wanted_at(self.now, classes)
        return min(wanted, self.seats_of(placement, "ready"))


_IN_USE = ("assigned", "cleaning", "resetting")

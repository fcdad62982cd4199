"""Does a class fit, and if not, when and where would it? Pure: what is known of each placement comes in as values."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wod_api_db.classes.booked import CLEANING

#: Participants are let in so long before the start: every lab is ready by then.
DOORS = timedelta(minutes=15)
#: Labs a minute where none has been made ahead yet: half a minute each, two at a time.
UNKNOWN_PACE = 4.0
#: What the pace of the past may be off.
CAUTION = 1.5
_SHORTEST_LEAD = timedelta(minutes=1)
#: Classes that begin within so long of each other have their labs made at the same time.
_TOGETHER = timedelta(hours=2)
#: How far from the wanted start other times are looked for.
REACH = timedelta(days=14)
PROPOSALS = 5


@dataclass(frozen=True)
class Booking:
    """Seats that are somebody's, from the deployment of their labs to the last of their cleanings."""

    begins: datetime
    ends: datetime
    seats: int


@dataclass(frozen=True)
class Beside:
    """Another class at the location, of whatever workshop, and how many labs it wants there."""

    starts_at: datetime
    labs: int


@dataclass(frozen=True)
class Ground:
    """A placement: how many it takes at most, and until when its seats are taken by whom. ``pace`` is labs a minute."""

    placement_id: int
    location_id: int
    location: str
    seats: int
    pace: float
    #: of each seat that somebody has: when it will be free again
    held_until: Sequence[datetime]
    bookings: Sequence[Booking]
    beside: Sequence[Beside] = ()
    #: the placement has a seat for speakers that is none of ``seats``
    speaker_apart: bool = False

    def needed(self, wish: "Wish") -> int:
        return wish.seats + (wish.speaker and not self.speaker_apart)

    def lead(self, labs: int, starts_at: datetime) -> timedelta:
        """How long before the doors open the first of the labs must be begun, with those that are made meanwhile."""
        others = sum(other.labs for other in self.beside if abs(other.starts_at - starts_at) <= _TOGETHER)
        return _SHORTEST_LEAD + timedelta(minutes=(labs + others) / self.pace) * CAUTION

    def left(self, begins: datetime, ends: datetime) -> int:
        """How many seats nobody has at any moment between the two. Negative where more are booked than there are."""
        moments = [begins, *(booking.begins for booking in self.bookings if begins < booking.begins < ends)]
        return self.seats - max(self._taken(moment) for moment in moments)

    def _taken(self, moment: datetime) -> int:
        held = sum(until > moment for until in self.held_until)
        return held + sum(booking.seats for booking in self.bookings if booking.begins <= moment < booking.ends)


@dataclass(frozen=True)
class Wish:
    """A class to be: ``seats`` for its participants, one for the speaker where he wants one."""

    seats: int
    speaker: bool
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Proposal:
    """Where and when the same class would fit."""

    ground: Ground
    starts_at: datetime
    ends_at: datetime


def opening(starts_at: datetime, now: datetime) -> datetime:
    """When participants are let in; a class that begins at once lets them in at once."""
    return min(starts_at, max(now, starts_at - DOORS))


def deployment(ground: Ground, wish: Wish, now: datetime) -> datetime:
    """When its first lab is to be made."""
    opens = opening(wish.starts_at, now)
    return min(opens, max(now, opens - ground.lead(wish.seats + wish.speaker, wish.starts_at)))


def fits(ground: Ground, wish: Wish, now: datetime) -> bool:
    return ground.left(deployment(ground, wish, now), wish.ends_at + CLEANING) >= ground.needed(wish)


def proposals(grounds: Sequence[Ground], wish: Wish, now: datetime) -> list[Proposal]:
    """The nearest times at each place, one later and one earlier, the least moved first."""
    found = [proposal for ground in grounds for proposal in _at(ground, wish, now)]
    return sorted(found, key=lambda item: abs(item.starts_at - wish.starts_at))[:PROPOSALS]


def _at(ground: Ground, wish: Wish, now: datetime) -> Iterator[Proposal]:
    if ground.needed(wish) > ground.seats:
        return
    length = wish.ends_at - wish.starts_at
    begin = max(wish.starts_at, now)
    starts = sorted({begin, *_starts(ground, wish, now)})
    for side in (
        (start for start in starts if start >= begin),
        (start for start in reversed(starts) if now <= start < begin),
    ):
        for start in side:
            moved = Wish(wish.seats, wish.speaker, start, start + length)
            if abs(start - wish.starts_at) <= REACH and fits(ground, moved, now):
                yield Proposal(ground, moved.starts_at, moved.ends_at)
                break


def _starts(ground: Ground, wish: Wish, now: datetime) -> Iterator[datetime]:
    """Where room can begin or end: behind whoever goes, and right before whoever comes. On whole five minutes."""
    ahead = DOORS + ground.lead(wish.seats + wish.speaker, wish.starts_at)
    for until in (*ground.held_until, *(booking.ends for booking in ground.bookings)):
        yield _rounded(max(until, now) + ahead, up=True)
    for booking in ground.bookings:
        yield _rounded(booking.begins - CLEANING - (wish.ends_at - wish.starts_at), up=False)


def _rounded(moment: datetime, *, up: bool) -> datetime:
    step = 300
    seconds = moment.timestamp() / step
    whole = math.ceil(seconds) if up else math.floor(seconds)
    return datetime.fromtimestamp(whole * step, moment.tzinfo)

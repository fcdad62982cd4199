"""Which seats of one location the workshops get: a plan out of what is wished and what is there, and nothing else.

Ranges never overlap. A range that has the wished size stays where it is; only where a wish would find no place
otherwise, others move: one if that is enough, else as many as it takes. Whoever sits in his workshop's range goes on
doing so, and nobody's seat is promised to another workshop before he has left it. Planning again with the outcome
changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise

from wod_common.wod_yml import SeatRange


@dataclass(frozen=True)
class Wanted:
    """One workshop's wish at the location."""

    workshop: str
    seats: int
    fixed: SeatRange | None = None
    #: whether its range is in the way of others, once it has one; not that of an inactive workshop
    claims: bool = True


@dataclass(frozen=True)
class Ground:
    """The location: its ``seats``, and what is on them."""

    seats: int
    #: ranges nobody wishes to change
    taken: Mapping[str, SeatRange] = field(default_factory=dict)
    #: where those who wish are now
    standing: Mapping[str, SeatRange] = field(default_factory=dict)
    #: of those who wish: whose range is in the way of others
    claiming: Set[str] = frozenset()
    #: seats that people of a workshop are in
    held: Mapping[str, Set[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A range for each wish that fits; why not, for each other one."""

    booked: Mapping[str, SeatRange]
    refused: Mapping[str, str]


class NoRoom(Exception):
    """Says why."""


def book(wanted: Sequence[Wanted], ground: Ground) -> Plan:
    """``wanted`` comes in the order of precedence, a workshop once. What it books, it books again."""
    plan = _best(wanted, ground)
    for _ in wanted:
        claiming = ground.claiming | {wish.workshop for wish in wanted if wish.workshop in plan.booked and wish.claims}
        again = _best(wanted, replace(ground, standing={**ground.standing, **plan.booked}, claiming=claiming))
        if again.booked == plan.booked:
            return again
        plan = again
    return plan


def _best(wanted: Sequence[Wanted], ground: Ground) -> Plan:
    """The fewest refusals, and among those the first way, which moves the fewest. No wish pays for another one."""
    best = _attempt(wanted, ground, frozenset())
    for moving in _ways_to_move(wanted, ground) if best.refused else ():
        plan = _attempt(wanted, ground, moving)
        if plan.refused.keys() < best.refused.keys():
            best = plan
    return best


def _ways_to_move(wanted: Sequence[Wanted], ground: Ground) -> Iterator[frozenset[str]]:
    """Those that are where a fixed range shall be; one more; all."""
    movable = [
        wish
        for wish in wanted
        if wish.fixed is None and wish.workshop in ground.standing and not _sitting(wish, ground)
    ]
    fixed = [wish.fixed for wish in wanted if wish.fixed is not None]
    displaced = frozenset(
        wish.workshop for wish in movable if any(_meet(ground.standing[wish.workshop], seats) for seats in fixed)
    )
    yield displaced
    for wish in sorted(movable, key=lambda wish: wish.seats):
        yield displaced | {wish.workshop}
    yield frozenset(wish.workshop for wish in movable)


def _attempt(wanted: Sequence[Wanted], ground: Ground, moving: Set[str]) -> Plan:
    """A wish that is refused leaves its workshop where it is, and there it is in the way of the others.

    One at a time: what is refused later may have been so because of what this one must give back.
    """
    stays: dict[str, str] = {}
    while True:
        floor = _Floor(ground, stays)
        refused: dict[str, str] = {}
        for wish in _in_order([wish for wish in wanted if wish.workshop not in stays], ground, floor, moving):
            try:
                floor.give(wish.workshop, _place(wish, ground, floor, moving=wish.workshop in moving))
            except NoRoom as why:
                refused[wish.workshop] = str(why)
        in_the_way = next((name for name in refused if name in ground.claiming), None)
        if in_the_way is None:
            return Plan(floor.given, stays | refused)
        stays[in_the_way] = refused[in_the_way]


def _in_order(wanted: Sequence[Wanted], ground: Ground, floor: "_Floor", moving: Set[str]) -> Iterator[Wanted]:
    """What is as it is wished comes first, then those that can least choose, and of the others the largest."""
    done = []
    for wish in sorted(wanted, key=lambda wish: (wish.workshop not in ground.claiming, not _sitting(wish, ground))):
        standing = ground.standing.get(wish.workshop)
        if standing is None or wish.workshop in moving:
            continue
        as_wished = standing.seats == wish.seats and wish.fixed in (None, standing)
        if as_wished and floor.is_clear(wish.workshop, standing):
            done.append(wish)
            yield wish

    def rank(wish: Wanted) -> tuple[int, int]:
        if wish.fixed is not None:
            return 0, 0
        if wish.workshop in moving or wish.workshop not in ground.standing:
            return 3, -wish.seats
        return (1 if _sitting(wish, ground) else 2), 0

    yield from sorted((wish for wish in wanted if wish not in done), key=rank)


def _place(wish: Wanted, ground: Ground, floor: "_Floor", *, moving: bool) -> SeatRange:
    """Raises NoRoom."""
    standing = ground.standing.get(wish.workshop)
    if wish.fixed is not None:
        floor.check(wish.workshop, wish.fixed, among_people=wish.fixed != standing)
        return wish.fixed
    if standing is None or moving:
        return floor.nearest(wish, 1, (1, ground.seats))
    if standing.seats == wish.seats and floor.is_clear(wish.workshop, standing):
        return standing
    sitting = _sitting(wish, ground)
    starts = (max(sitting) - wish.seats + 1, min(sitting)) if sitting else (1, ground.seats)
    return floor.nearest(wish, standing.first, starts)


def _sitting(wish: Wanted, ground: Ground) -> Set[int]:
    """Seats of the workshop's present range that its people are in."""
    standing = ground.standing.get(wish.workshop)
    held = ground.held.get(wish.workshop, frozenset())
    return {seat for seat in held if standing and standing.first <= seat <= standing.last}


class _Floor:
    """The location's seats while they are given out."""

    def __init__(self, ground: Ground, stays: Mapping[str, str]) -> None:
        self._ground = ground
        self._ranges = dict(ground.taken) | {name: ground.standing[name] for name in stays}
        self._people = {name: list(_runs(seats)) for name, seats in ground.held.items()}
        self.given: dict[str, SeatRange] = {}

    def give(self, workshop: str, seats: SeatRange) -> None:
        self.given[workshop] = self._ranges[workshop] = seats

    def is_clear(self, workshop: str, seats: SeatRange) -> bool:
        """Of ranges; people of others who sit there already are no reason to leave."""
        try:
            self.check(workshop, seats, among_people=False)
        except NoRoom:
            return False
        return True

    def check(self, workshop: str, seats: SeatRange, *, among_people: bool) -> None:
        """Raises NoRoom."""
        if seats.last > self._ground.seats:
            raise NoRoom(
                f"{shown(seats)} go beyond the {self._ground.seats} seats that are there; "
                "give the location more seats, or wish for lower ones"
            )
        for other, theirs in self._ranges.items():
            if other != workshop and _meet(seats, theirs):
                raise NoRoom(f"{shown(seats)} overlap {shown(theirs)} of {other}; let one of the two have others")
        for other, runs in self._people.items() if among_people else ():
            for run in runs:
                if other != workshop and _meet(seats, run):
                    raise NoRoom(f"somebody is in {shown(run)} for {other}; book again when that session has ended")

    def nearest(self, wish: Wanted, target: int, starts: tuple[int, int]) -> SeatRange:
        """The clear seats in a row that begin within ``starts``, as near to ``target`` as can be. Raises NoRoom."""
        gaps = list(self._gaps(wish.workshop))
        found: list[int] = []
        for gap in gaps:
            low, high = max(starts[0], gap.first), min(starts[1], gap.last - wish.seats + 1)
            if low <= high:
                found.append(min(max(target, low), high))
        if not found:
            raise NoRoom(self._why(wish, gaps, starts))
        first = min(found, key=lambda start: (abs(start - target), start))
        return SeatRange(first, first + wish.seats - 1)

    def _why(self, wish: Wanted, gaps: Sequence[SeatRange], starts: tuple[int, int]) -> str:
        longest = max((gap.seats for gap in gaps), default=0)
        if longest >= wish.seats or starts != (1, self._ground.seats):
            return (
                f"people are in its seats, and no {wish.seats} in a row around them are clear; "
                "book again when they have left"
            )
        return (
            f"no {wish.seats} seats in a row are left, the longest gap has {longest}; "
            "give the location more seats, or wish for fewer"
        )

    def _gaps(self, workshop: str) -> Iterator[SeatRange]:
        """Seats in a row that no other workshop has or sits in."""
        ranges = [seats for name, seats in self._ranges.items() if name != workshop]
        ranges += [run for name, runs in self._people.items() if name != workshop for run in runs]
        end = self._ground.seats + 1
        reached = 0
        for first, last in [*sorted(ranges), (end, end)]:
            if first > reached + 1:
                yield SeatRange(reached + 1, min(first, end) - 1)
            reached = max(reached, last)
            if reached >= self._ground.seats:
                return


def _runs(seats: Set[int]) -> Iterator[SeatRange]:
    """Seats in a row as one."""
    ordered = sorted(seats)
    breaks = [0, *(place for place, (one, two) in enumerate(pairwise(ordered), 1) if two != one + 1), len(ordered)]
    for begin, end in pairwise(breaks):
        if begin < end:
            yield SeatRange(ordered[begin], ordered[end - 1])


def _meet(one: SeatRange, other: SeatRange) -> bool:
    return one.first <= other.last and other.first <= one.last


def shown(seats: SeatRange) -> str:
    return f"seat {seats.first}" if seats.seats == 1 else f"seats {seats.first} to {seats.last}"

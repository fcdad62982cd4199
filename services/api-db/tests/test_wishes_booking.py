"""The plan of a location's seats, whatever is wished and whatever is there."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wod_api_db.wishes.booking import Ground, Plan, Wanted, book
from wod_common.wod_yml import SeatRange

SEATS = 30
ranges = st.tuples(st.integers(1, SEATS + 3), st.integers(1, 12)).map(
    lambda pair: SeatRange(pair[0], pair[0] + pair[1] - 1)
)
names = st.sampled_from([f"W{number}" for number in range(7)])


def disjoint(found: dict[str, SeatRange]) -> dict[str, SeatRange]:
    kept: dict[str, SeatRange] = {}
    for name, seats in found.items():
        if seats.last <= SEATS and not any(meet(seats, other) for other in kept.values()):
            kept[name] = seats
    return kept


def meet(one: SeatRange, other: SeatRange) -> bool:
    return one.first <= other.last and other.first <= one.last


@st.composite
def places(draw: st.DrawFn) -> tuple[list[Wanted], Ground]:
    """A location as the rules of placements leave it: what claims seats does not overlap; people sit anywhere."""
    claims = disjoint(draw(st.dictionaries(names, ranges, max_size=7)))
    asleep = draw(st.sets(names)) - claims.keys()
    wanted = [
        Wanted(name, fixed.seats if fixed else draw(st.integers(1, 15)), fixed, name not in asleep)
        for name in draw(st.lists(names, unique=True, max_size=6))
        for fixed in [draw(st.none() | ranges)]
    ]
    wished = {wish.workshop for wish in wanted}
    dormant = {name: seats for name, seats in draw(st.dictionaries(names, ranges)).items() if name in asleep}
    standing = {name: seats for name, seats in (claims | dormant).items() if name in wished}
    seats = draw(st.lists(st.tuples(st.integers(1, SEATS), names), max_size=8, unique_by=lambda pair: pair[0]))
    held: dict[str, set[int]] = {}
    for seat, name in seats:
        held.setdefault(name, set()).add(seat)
    taken = {name: where for name, where in claims.items() if name not in wished}
    return wanted, Ground(SEATS, taken, standing, claims.keys() & wished, held)


def after(wanted: list[Wanted], ground: Ground, plan: Plan) -> Ground:
    claiming = {wish.workshop for wish in wanted if wish.claims and wish.workshop in plan.booked}
    return replace(ground, standing={**ground.standing, **plan.booked}, claiming=ground.claiming | claiming)


@settings(deadline=None, max_examples=300)
@given(places())
def test_a_plan_keeps_its_promises(place: tuple[list[Wanted], Ground]) -> None:
    wanted, ground = place
    plan = book(wanted, ground)
    wishes = {wish.workshop: wish for wish in wanted}
    assert plan.booked.keys() | plan.refused.keys() == wishes.keys()
    assert not plan.booked.keys() & plan.refused.keys()
    in_force = dict(ground.taken) | {name: ground.standing[name] for name in ground.claiming} | dict(plan.booked)
    assert not any(meet(one, other) for one, other in combinations(in_force.values(), 2))
    for name, seats in plan.booked.items():
        assert 1 <= seats.first <= seats.last <= SEATS
        assert seats.seats == wishes[name].seats
        assert wishes[name].fixed in (None, seats)
        before = ground.standing.get(name)
        if seats != before:
            others = set().union(*(seats for other, seats in ground.held.items() if other != name))
            assert not others & set(range(seats.first, seats.last + 1))
        if before and wishes[name].fixed is None:
            sitting = {seat for seat in ground.held.get(name, ()) if before.first <= seat <= before.last}
            assert all(seats.first <= seat <= seats.last for seat in sitting)
    again = book(wanted, after(wanted, ground, plan))
    assert (again.booked, again.refused.keys()) == (plan.booked, plan.refused.keys())


def planned(wanted: list[Wanted], **ground: object) -> Plan:
    seats = {"claiming": frozenset(ground.get("standing", {})), **ground}  # type: ignore[call-overload]
    return book(wanted, Ground(SEATS, **seats))


def test_what_fits_stays_where_it_is() -> None:
    standing = {"A": SeatRange(11, 20), "B": SeatRange(1, 5)}
    plan = planned([Wanted("C", 10), Wanted("A", 10), Wanted("B", 5)], standing=standing)
    assert plan.booked == standing | {"C": SeatRange(21, 30)}


def test_one_moves_where_that_is_enough() -> None:
    standing = {"A": SeatRange(1, 5), "B": SeatRange(13, 17), "C": SeatRange(30, 30)}
    plan = planned([Wanted("A", 5), Wanted("B", 5), Wanted("C", 1), Wanted("D", 18)], standing=standing)
    assert plan.booked == {"A": SeatRange(1, 5), "C": SeatRange(30, 30), "D": SeatRange(6, 23), "B": SeatRange(24, 28)}


def test_who_sits_somewhere_is_not_moved_for_others() -> None:
    standing = {"A": SeatRange(13, 17)}
    plan = planned([Wanted("A", 5), Wanted("D", 18)], standing=standing, held={"A": {14}})
    assert plan.booked == standing
    assert "the longest gap has 13" in plan.refused["D"]


def test_a_range_grows_and_shrinks_around_its_people() -> None:
    standing = {"A": SeatRange(11, 20), "B": SeatRange(21, 25)}
    held = {"A": {18, 20}}
    grown = planned([Wanted("A", 15), Wanted("B", 5)], standing=standing, held=held)
    assert grown.booked["A"] == SeatRange(6, 20)
    shrunk = planned([Wanted("A", 3), Wanted("B", 5)], standing=standing, held=held)
    assert shrunk.booked["A"] == SeatRange(18, 20)
    refused = planned([Wanted("A", 2), Wanted("B", 5)], standing=standing, held=held)
    assert "people are in its seats" in refused.refused["A"]


@pytest.mark.parametrize(
    ("fixed", "why"),
    [
        (SeatRange(25, 31), "beyond the 30 seats"),
        (SeatRange(8, 12), "overlap seats 10 to 15 of Taken"),
        (SeatRange(3, 4), "somebody is in seat 4 for B"),
    ],
)
def test_a_fixed_range_that_cannot_be_had_says_why(fixed: SeatRange, why: str) -> None:
    plan = planned([Wanted("A", fixed.seats, fixed)], taken={"Taken": SeatRange(10, 15)}, held={"B": {4}})
    assert why in plan.refused["A"]


def test_a_refused_wish_keeps_its_seats_before_others_get_them() -> None:
    standing = {"A": SeatRange(1, 10)}
    plan = planned([Wanted("A", 40), Wanted("B", 8, SeatRange(3, 10)), Wanted("C", 20)], standing=standing)
    assert plan.booked == {"C": SeatRange(11, 30)}
    assert plan.refused.keys() == {"A", "B"}

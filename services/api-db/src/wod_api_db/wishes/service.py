"""The rules of booking wishes: which of them can be planned for, and with what in their way."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.locations.models import Location
from wod_api_db.wishes import repository
from wod_api_db.wishes.booking import Ground, Wanted, book
from wod_api_db.wishes.outcome import Outcome
from wod_api_db.wishes.reading import Wish, read_wishes
from wod_api_db.wishes.schemas import WishReport
from wod_api_db.workshops.models import Placement, Workshop
from wod_api_db.workshops.needs import lacking, why_refused
from wod_common.plain_yaml import MalformedYaml
from wod_common.problems import Unprocessable
from wod_common.wod_yml import SeatRange


@dataclass
class _Place:
    """One location: its placements, the seats that people are in or classes have booked, and its wishes, each by workshop."""

    location: Location
    placements: Mapping[str, Placement]
    held: Mapping[str, set[int]]
    #: seats of the largest class ahead
    booked: Mapping[str, int]
    wishes: dict[str, Wish] = field(default_factory=dict)


async def book_wishes(session: AsyncSession, claims: Claims, data: bytes, *, dry_run: bool) -> WishReport:
    """What fits is booked; what does not is reported and stays. Raises Unprocessable for what is no file of wishes."""
    wishes = await _read(data)
    outcome = Outcome(session, dry_run, WishReport(applied=not dry_run))
    workshops = await repository.workshops(session, {wish.workshop for wish in wishes})
    outcome.ranks = await repository.last_ranks(session, [row.id for row in workshops.values()])
    for place in await _places(session, wishes, outcome):
        await _book_at(place, workshops, outcome)
    report = outcome.report
    if not dry_run:
        await session.flush()
        changed = [change.model_dump() for change in report.changed]
        counts = {"booked": len(report.booked), "refused": len(report.refused)}
        await record(session, claims, "placement.wish", "placement", "*", **counts, changed=changed)
    return report


async def _read(data: bytes) -> list[Wish]:
    try:
        return await asyncio.to_thread(read_wishes, data)
    except MalformedYaml as error:
        where = f"line {error.line}" if error.line else "file"
        errors = [{"field": where, "message": error.reason}]
        raise Unprocessable(f"{where}: {error.reason}", errors=errors) from error


async def _places(session: AsyncSession, wishes: Sequence[Wish], outcome: Outcome) -> list[_Place]:
    """In the order of the file. Nobody changes what is there meanwhile, but for a dry run's."""
    known = await repository.locations(session)
    names = {name.casefold(): row for row in reversed(known) for name in (row.fqdn, row.name)}
    found = [(wish, names.get(wish.location.casefold())) for wish in wishes]
    ids = {location.id for _, location in found if location is not None}
    if not outcome.dry_run:
        await repository.lock(session, ids)
    placements = await repository.placements(session, ids)
    held = await repository.held(session, ids)
    classes = await repository.booked(session, ids)
    places = {
        row.id: _Place(row, placements.get(row.id, {}), held.get(row.id, {}), classes.get(row.id, {}))
        for row in known
        if row.id in ids
    }
    for wish, location in found:
        if location is None:
            outcome.refuse(wish, f"no location has this name or host name{_meant(wish.location, [*names])}")
        elif (first := places[location.id].wishes.setdefault(wish.workshop, wish)) is not wish:
            outcome.refuse(wish, f"is wished for on line {first.line} already; keep one of the two")
    order = dict.fromkeys(location.id for _, location in found if location is not None)
    return [places[location_id] for location_id in order]


async def _book_at(place: _Place, workshops: Mapping[str, Workshop], outcome: Outcome) -> None:
    wanted = []
    for name, wish in place.wishes.items():
        if hindrance := _hindrance(place, wish, workshops.get(name)):
            outcome.refuse(wish, hindrance)
        else:
            wanted.append(_wanted(place, wish, workshops[name]))
    # whoever is let in today comes before what may be some day
    wanted.sort(key=lambda wish: not wish.claims)
    plan = await asyncio.to_thread(book, wanted, _ground(place, wanted))
    for name, wish in place.wishes.items():
        if name in plan.booked:
            outcome.give(place.location, workshops[name], place.placements.get(name), wish, plan.booked[name])
        elif name in plan.refused:
            outcome.refuse(wish, plan.refused[name])


def _hindrance(place: _Place, wish: Wish, workshop: Workshop | None) -> str | None:
    if workshop is None or workshop.retired_at is not None:
        return "there is no such workshop; bring it in first, as an inactive one if its own range is in the way"
    placement = place.placements.get(wish.workshop)
    if placement is None:
        missing = lacking(place.location, workshop)
        return why_refused(wish.workshop, place.location, missing) if missing else None
    if wish.seats < place.booked.get(wish.workshop, 0):
        return (
            f"a class has booked {place.booked[wish.workshop]} of its seats; wish for as many, or move the class first"
        )
    standing = _range(placement)
    stays = wish.seats == standing.seats and wish.fixed in (None, standing)
    if placement.range_reset is not None and not stays:
        return "its range is being reset; book again when that is done"
    return None


def _wanted(place: _Place, wish: Wish, workshop: Workshop) -> Wanted:
    placement = place.placements.get(wish.workshop)
    being_reset = placement is not None and placement.range_reset is not None
    fixed = _range(placement) if placement is not None and being_reset else wish.fixed
    claims = workshop.active and (placement is None or placement.closed_at is None)
    return Wanted(wish.workshop, wish.seats, fixed, claims)


def _ground(place: _Place, wanted: Sequence[Wanted]) -> Ground:
    names = {wish.workshop for wish in wanted}
    ranges = {name: _range(placement) for name, placement in place.placements.items()}
    claiming = {name for name, placement in place.placements.items() if _claims(placement)}
    return Ground(
        seats=place.location.seats,
        taken={name: ranges[name] for name in claiming - names},
        standing={name: seats for name, seats in ranges.items() if name in names},
        claiming=claiming & names,
        held=place.held,
    )


def _claims(placement: Placement) -> bool:
    """Whether its seats are in the way of others, by the same rule as a change by hand."""
    workshop = placement.workshop
    return placement.closed_at is None and workshop.active and workshop.retired_at is None


def _range(placement: Placement) -> SeatRange:
    return SeatRange(placement.first_seat, placement.last_seat)


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name.casefold()[:80], known, 1)
    return f"; is {close[0]} meant?" if close else ""

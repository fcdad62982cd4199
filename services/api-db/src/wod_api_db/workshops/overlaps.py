"""Which seats the workshops want where, and whether two active ones want the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wod_api_db.locations.models import Location
from wod_api_db.workshops.definition import WorkshopDefinition
from wod_api_db.workshops.importing import ImportReport, Refusal
from wod_api_db.workshops.models import Placement, Workshop
from wod_common.wod_yml import SeatRange


@dataclass
class Stored:
    """What is in the database before a synchronisation."""

    workshops: dict[str, Workshop]
    #: by workshop, by rank
    placements: Mapping[int, Sequence[Placement]]
    locations: dict[int, Location]
    #: location of a workshop that has none yet
    home: int

    def is_active(self, notebook: str) -> bool:
        workshop = self.workshops.get(notebook)
        return workshop is not None and workshop.active and workshop.retired_at is None

    def placements_of(self, notebook: str) -> Sequence[Placement]:
        workshop = self.workshops.get(notebook)
        return self.placements.get(workshop.id, ()) if workshop else ()

    def named(self, name: str) -> Location | None:
        """The location of that name or host name, in any case."""
        wanted = name.casefold()
        return next(
            (item for item in self.locations.values() if wanted in {item.name.casefold(), item.fqdn.casefold()}), None
        )

    def targets(self, definition: WorkshopDefinition) -> list[Location]:
        """Where the workshop shall run: it stays where its first open placement is, and the alternates follow."""
        named = [self.named(name) for name in definition.alternate_location]
        locations = [self._home(definition), *(location for location in named if location is not None)]
        return list({location.id: location for location in locations}.values())

    def _home(self, definition: WorkshopDefinition) -> Location:
        placements = self.placements_of(definition.notebook)
        if placements:
            first = next((placement for placement in placements if placement.closed_at is None), placements[0])
            return self.locations[first.location_id]
        return self.named(definition.location) or self.locations[self.home]


def is_the_authors(placement: Placement) -> bool:
    """Whether the file decides on it: neither changed nor closed by an operator, nor just being reset."""
    return placement.imported and placement.closed_at is None and placement.range_reset is None


class _Claim(NamedTuple):
    """Seats that an active workshop may hand out. ``by_file`` tells the author's range from the operator's own."""

    notebook: str
    location: Location
    seats: SeatRange
    by_file: bool

    def meets(self, other: "_Claim") -> bool:
        same = self.location.id == other.location.id and self.notebook != other.notebook
        return same and self.seats.first <= other.seats.last and other.seats.first <= self.seats.last


def without_overlaps(imported: ImportReport, stored: Stored) -> list[WorkshopDefinition]:
    """The definitions that can stand beside each other; refusals and notes on the others go to ``imported``.

    A workshop that is already active comes before a new one, then the name decides. Inactive ones claim nothing, and
    one that is refused keeps the seats it has.
    """
    read = {definition.notebook for definition in imported.workshops}
    taken = [claim for name in imported.found if name not in read for claim in _claims_stored(name, stored)]
    accepted = []
    for definition in sorted(imported.workshops, key=lambda item: (not stored.is_active(item.notebook), item.notebook)):
        claims = list(_claims(definition, stored))
        clashes = [(claim, other) for claim in claims for other in taken if claim.meets(other)]
        remarks = [_remark(imported, claim, other) for claim, other in clashes]
        if any(claim.by_file for claim, _ in clashes):
            imported.refusals.extend(remarks)
            taken.extend(_claims_stored(definition.notebook, stored))
        else:
            imported.notes.extend(remarks)
            taken.extend(claims)
            accepted.append(definition)
    return accepted


def _claims(definition: WorkshopDefinition, stored: Stored) -> Iterator[_Claim]:
    """What the workshop will hold once this definition is stored."""
    if not definition.active:
        return
    placements = {placement.location_id: placement for placement in stored.placements_of(definition.notebook)}
    for location in stored.targets(definition):
        placement = placements.pop(location.id, None)
        if placement is None or is_the_authors(placement):
            yield _Claim(definition.notebook, location, definition.range, by_file=True)
        elif placement.closed_at is None:
            yield _claim_of(definition.notebook, placement, stored)
    for placement in placements.values():
        if placement.closed_at is None:
            yield _claim_of(definition.notebook, placement, stored)


def _claims_stored(notebook: str, stored: Stored) -> Iterator[_Claim]:
    if stored.is_active(notebook):
        for placement in stored.placements_of(notebook):
            if placement.closed_at is None:
                yield _claim_of(notebook, placement, stored)


def _claim_of(notebook: str, placement: Placement, stored: Stored) -> _Claim:
    seats = SeatRange(placement.first_seat, placement.last_seat)
    return _Claim(notebook, stored.locations[placement.location_id], seats, by_file=False)


def _remark(imported: ImportReport, claim: _Claim, other: _Claim) -> Refusal:
    reason = (
        f"seats {claim.seats.first} to {claim.seats.last} at {claim.location.name} overlap seats {other.seats.first} to "
        f"{other.seats.last} of {other.notebook}; give one of the two other seats, or make it inactive"
    )
    return imported.about(claim.notebook, "range", reason)

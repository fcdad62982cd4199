"""Turns plans into rows, and writes down what that changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.locations.models import Location
from wod_api_db.wishes.booking import shown
from wod_api_db.wishes.reading import Wish
from wod_api_db.wishes.schemas import Booking, RangeChange, WishRemark, WishReport
from wod_api_db.workshops.models import Placement, Workshop
from wod_common.wod_yml import SeatRange


@dataclass
class Outcome:
    """Rows in ``session``, unless it is a dry run; lines in ``report``."""

    session: AsyncSession
    dry_run: bool
    report: WishReport
    #: the last rank of each workshop that is given somewhere, by its id
    ranks: dict[int, int] = field(default_factory=dict)

    def refuse(self, wish: Wish, reason: str) -> None:
        self.report.refused.append(_remark(wish, wish.location, reason))

    def give(
        self, location: Location, workshop: Workshop, placement: Placement | None, wish: Wish, seats: SeatRange
    ) -> None:
        if placement is None:
            capacity = self._add(location, workshop, wish, seats)
        else:
            capacity = self._change(location, placement, wish, seats)
        self.report.booked.append(
            Booking(
                line=wish.line,
                workshop=wish.workshop,
                location=location.name,
                first=seats.first,
                last=seats.last,
                capacity=capacity,
                speaker_seat=wish.speaker,
            )
        )
        notes = {
            "its placement is closed, and takes nobody until an operator opens it": (
                placement is not None and placement.closed_at is not None
            ),
            "the workshop is not active: its seats are kept, and nobody is let in": not workshop.active,
            f"its capacity lets in {capacity}, and {wish.for_people} seats are wished for": capacity < wish.for_people,
        }
        self.report.notes.extend(_remark(wish, location.name, text) for text, holds in notes.items() if holds)

    def _add(self, location: Location, workshop: Workshop, wish: Wish, seats: SeatRange) -> int:
        """Its capacity."""
        self.ranks[workshop.id] = rank = self.ranks.get(workshop.id, -1) + 1
        placement = Placement(
            workshop_id=workshop.id,
            location_id=location.id,
            first_seat=seats.first,
            last_seat=seats.last,
            capacity=wish.for_people if wish.capacity is None else wish.capacity,
            speaker_seat=wish.speaker,
            rank=rank,
            imported=False,
        )
        if not self.dry_run:
            self.session.add(placement)
        self._changed(wish, location, {"placement": ("none", shown(seats))})
        return placement.capacity

    def _change(self, location: Location, placement: Placement, wish: Wish, seats: SeatRange) -> int:
        """Its capacity. The range is the operators' from now on: a synchronisation leaves it alone."""
        capacity = placement.capacity if wish.capacity is None else wish.capacity
        differences = {
            "seats": (shown(SeatRange(placement.first_seat, placement.last_seat)), shown(seats)),
            "capacity": (str(placement.capacity), str(capacity)),
            "speaker's seat": (_yes(placement.speaker_seat), _yes(wish.speaker)),
            "range decided by": ("wod.yml" if placement.imported else "operators", "operators"),
        }
        self._changed(wish, location, differences)
        if not self.dry_run:
            placement.first_seat, placement.last_seat = seats
            placement.capacity, placement.speaker_seat, placement.imported = capacity, wish.speaker, False
        return capacity

    def _changed(self, wish: Wish, location: Location, differences: Mapping[str, tuple[str, str]]) -> None:
        self.report.changed.extend(
            RangeChange(workshop=wish.workshop, location=location.name, field=field, old=old, new=new)
            for field, (old, new) in differences.items()
            if old != new
        )


def _remark(wish: Wish, location: str, reason: str) -> WishRemark:
    return WishRemark(line=wish.line, workshop=wish.workshop, location=location, reason=reason)


def _yes(value: bool) -> str:
    return "yes" if value else "no"

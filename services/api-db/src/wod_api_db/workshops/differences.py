"""Turns definitions into rows, and writes down what that changes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.db import now
from wod_api_db.locations.models import Location
from wod_api_db.notices.models import Notice
from wod_api_db.workshops.definition import WorkshopDefinition
from wod_api_db.workshops.importing import ImportReport
from wod_api_db.workshops.models import Placement, Workshop
from wod_api_db.workshops.needs import NOTICE, lacking, why_refused
from wod_api_db.workshops.overlaps import Stored, is_the_authors
from wod_api_db.workshops.sync_report import Change, SyncReport

_NOT_COLUMNS = {"capacity", "range", "location"}


@dataclass
class Differences:
    """Changes rows in ``session``, lines in ``report`` and notes in ``imported``."""

    session: AsyncSession
    stored: Stored
    imported: ImportReport
    report: SyncReport

    def store(self, definition: WorkshopDefinition) -> None:
        values = _columns(definition)
        workshop = self.stored.workshops.get(definition.notebook)
        if workshop is None:
            workshop = Workshop(**values)
            self.session.add(workshop)
            self.report.created.append(definition.notebook)
        else:
            self._close_unnamed(workshop, definition)
            self._update(workshop, values)
        self._note_unknown_locations(definition)
        placements = {row.location_id: row for row in self.stored.placements_of(definition.notebook)}
        for rank, location in enumerate(self.stored.targets(definition)):
            placement = placements.get(location.id)
            if placement is None:
                self._add_placement(workshop, definition, location, rank)
            else:
                self._update_placement(placement, definition, location, rank)
                self._close_impossible(placement, workshop, location, definition)

    def retire_missing(self) -> None:
        """A workshop that was found and refused keeps what is stored; one whose folder is gone takes nobody new."""
        for notebook, workshop in sorted(self.stored.workshops.items()):
            if workshop.retired_at is None and notebook not in self.imported.found:
                workshop.retired_at = now
                self.report.retired.append(notebook)

    def _update(self, workshop: Workshop, values: dict[str, Any]) -> None:
        if workshop.retired_at is not None:
            workshop.retired_at = None
            self.report.restored.append(workshop.notebook)
        for column, value in values.items():
            self._set(workshop, column, value, workshop.notebook, column)

    def _close_unnamed(self, workshop: Workshop, definition: WorkshopDefinition) -> None:
        """An alternate that the file named before and names no more takes nobody new."""
        kept = {location.id for location in self.stored.targets(definition)}
        before = {location.id for name in workshop.alternate_location if (location := self.stored.named(name))}
        for placement in self.stored.placements_of(definition.notebook):
            if placement.location_id in before - kept and is_the_authors(placement):
                placement.closed_at = now
                where = self.stored.locations[placement.location_id].name
                self._changed(definition.notebook, f"placement at {where}", "open", "closed")

    def _note_unknown_locations(self, definition: WorkshopDefinition) -> None:
        named = [("location", definition.location)] if definition.location else []
        named += [("alternateLocation", name) for name in definition.alternate_location]
        for key, name in named:
            if self.stored.named(name) is None:
                reason = f"{key} names {name!r}, no location's name or host name; it is passed over"
                self._note(definition, key, reason)

    def _add_placement(self, workshop: Workshop, definition: WorkshopDefinition, location: Location, rank: int) -> None:
        first, last = definition.range
        placement = Placement(
            workshop=workshop,
            location_id=location.id,
            first_seat=first,
            last_seat=last,
            capacity=definition.capacity,
            rank=rank,
        )
        self.session.add(placement)
        self._close_impossible(placement, workshop, location, definition)
        if definition.notebook in self.stored.workshops:
            self._changed(definition.notebook, f"placement at {location.name}", "none", f"seats {first} to {last}")
        self._note_missing_seats(definition, location)

    def _close_impossible(
        self, placement: Placement, workshop: Workshop, location: Location, definition: WorkshopDefinition
    ) -> None:
        """Where the location's delivery cannot give what the workshop needs, nobody is let in, and the operator is told."""
        if placement.closed_at is not None or not (missing := lacking(location, workshop)):
            return
        placement.closed_at = now
        why = why_refused(definition.notebook, location, missing)
        self._note(definition, "range", f"{why}; the placement is closed")
        self.session.add(Notice(kind=NOTICE, text=f"{why}. It takes nobody there", location_id=location.id))

    def _update_placement(
        self, placement: Placement, definition: WorkshopDefinition, location: Location, rank: int
    ) -> None:
        first, last = definition.range
        if is_the_authors(placement):
            self._set(placement, "first_seat", first, definition.notebook, f"first seat at {location.name}")
            self._set(placement, "last_seat", last, definition.notebook, f"last seat at {location.name}")
            self._set(placement, "rank", rank, definition.notebook, f"rank at {location.name}")
            self._note_missing_seats(definition, location)
        elif placement.closed_at is not None:
            reason = f"the placement at {location.name} is closed, and stays so until an operator opens it"
            self._note(definition, "range", reason)
        elif (placement.first_seat, placement.last_seat) != (first, last) and placement.imported:
            reason = f"the range at {location.name} is being reset; bring the workshop in again when that is done"
            self._note(definition, "range", reason)
        elif (placement.first_seat, placement.last_seat) != (first, last):
            own = f"seats {placement.first_seat} to {placement.last_seat} at {location.name} are an operator's choice"
            self._note(definition, "range", f"{own}; the file's {first} to {last} are left aside")
        if placement.capacity != definition.capacity:
            reason = f"capacity {placement.capacity} at {location.name} is the operators' to change"
            self._note(
                definition, "capacity", f"{reason}; the file's {definition.capacity} counted at the first import"
            )

    def _note_missing_seats(self, definition: WorkshopDefinition, location: Location) -> None:
        if definition.active and definition.range.last > location.seats:
            reason = (
                f"range {definition.range.first} to {definition.range.last} goes beyond the {location.seats} seats of "
                f"{location.name}: only those that exist are handed out; raise the number of seats or mend the range"
            )
            self._note(definition, "range", reason)

    def _set(self, row: Workshop | Placement, column: str, value: Any, notebook: str, label: str) -> None:
        old = getattr(row, column)
        if old != value:
            setattr(row, column, value)
            self._changed(notebook, label, _shown(old), _shown(value))

    def _changed(self, notebook: str, label: str, old: str, new: str) -> None:
        self.report.changed.append(Change(workshop=notebook, field=label, old=old, new=new))

    def _note(self, definition: WorkshopDefinition, key: str, reason: str) -> None:
        self.imported.notes.append(self.imported.about(definition.notebook, key, reason))


def _columns(definition: WorkshopDefinition) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in definition
        if name not in _NOT_COLUMNS
    }


def _shown(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"{value / timedelta(hours=1):g} h"
    return ", ".join(value) if isinstance(value, list) else str(value)

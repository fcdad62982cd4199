"""Reading a file of wishes: how many seats a workshop shall have at a location, or which.

Grenoble:
  WKSHP-API101: 40
  WKSHP-Docker101: {range: [52, 91], speaker: true}
  WKSHP-Git101:
    seats: 20
    capacity: 15
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml

from wod_api_db.locations.schemas import LARGEST_SEATS
from wod_common.plain_yaml import Document, MalformedYaml, decode, line_of
from wod_common.wod_yml import SeatRange, flag, seat_range

_KIND = "a file of wishes names locations, workshops and numbers of seats"
_KEYS = ("seats", "range", "speaker", "capacity")
#: to plan for each, with people waiting at the door
MOST_WISHES = 1000


@dataclass(frozen=True)
class Wish:
    """``seats`` counts the speaker's, which is the last one. ``capacity`` None leaves it to the operators."""

    line: int
    location: str
    workshop: str
    seats: int
    fixed: SeatRange | None = None
    speaker: bool = False
    capacity: int | None = None

    @property
    def for_people(self) -> int:
        return self.seats - self.speaker


def read_wishes(data: bytes) -> list[Wish]:
    """In the order of the file. Blocking. Raises MalformedYaml."""
    document = Document(decode(data, _KIND), _KIND)
    wishes = [wish for place in document.keys(document.root).items() for wish in _of_location(document, *place)]
    if len(wishes) > MOST_WISHES:
        raise MalformedYaml(f"more than {MOST_WISHES} wishes; divide the file by locations")
    return wishes


def _of_location(document: Document, location: str, found: tuple[int, yaml.Node]) -> Iterator[Wish]:
    for workshop, (line, node) in document.keys(found[1]).items():
        given = _given(document, node)
        try:
            yield _wish(line, location, workshop, given)
        except ValueError as error:
            raise MalformedYaml(f"{workshop[:80]}: {error}", line) from error


def _given(document: Document, node: yaml.Node) -> dict[str, Any]:
    """A number alone is that of the seats."""
    if not isinstance(node, yaml.MappingNode):
        return {"seats": document.value(node)}
    given = {}
    for key, (line, value) in document.keys(node).items():
        if key not in _KEYS:
            meant = get_close_matches(key[:80], _KEYS, 1)
            way_out = f"write {meant[0]}, if that is meant" if meant else f"a wish takes {', '.join(_KEYS)}"
            raise MalformedYaml(f"the key {key[:80]!r} is not known; {way_out}", line)
        given[key] = document.value(value)
    if not given:
        raise MalformedYaml("an empty wish; write a number of seats", line_of(node))
    return given


def _wish(line: int, location: str, workshop: str, given: dict[str, Any]) -> Wish:
    fixed = seat_range(given["range"]) if "range" in given else None
    if fixed is None:
        seats = _number("seats", given.get("seats"), 1)
    else:
        seats = fixed.seats
        if given.get("seats", seats) != seats:
            raise ValueError(f"range has {seats} seats and seats is {str(given['seats'])[:20]}; leave one of them out")
    speaker = flag(given.get("speaker", False))
    capacity = _number("capacity", given["capacity"], 0) if "capacity" in given else None
    if speaker and seats < 2:
        raise ValueError("the speaker's seat would be the only one; wish for two at least")
    return Wish(line, location, workshop, seats, fixed, speaker, capacity)


def _number(key: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_SEATS:
        raise ValueError(f"{key} is {str(value)[:40]!r}; write a whole number from {least} to {LARGEST_SEATS}")
    return value

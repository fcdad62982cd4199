"""What differs by a seat's place in its workshop's range: the machine it works with, and its ports there.

The location's variables give the first seat's, under the workshop's name: ``IP-WKSHP-Name``, ``HTTPPORT-WKSHP-Name``,
``SSHPORT-WKSHP-Name``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

PORTS = ("HTTPPORT", "SSHPORT")
TARGET = "WODRTARGET"
LAST_PORT = 65_535


class NoPlace(Exception):
    """Names the variable or the key of wod.yml that is missing or wrong."""


@dataclass(frozen=True)
class SeatPlace:
    """A seat in the range of a workshop, which is named ``WKSHP-`` always; ``first`` is that of its range."""

    workshop: str
    student: int
    first: int | None
    has_appliance: bool
    has_appliance_per_seat: bool

    def variables(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the templates read, of what the location's variables give the first of. Raises NoPlace."""
        ports = {
            name: self._port(f"{name}-{self.workshop}", given) for name in PORTS if f"{name}-{self.workshop}" in given
        }
        return ports | ({TARGET: self.target(given)} if self.has_appliance else {})

    def target(self, given: Mapping[str, Any]) -> str:
        """The address of the seat's appliance. Raises NoPlace."""
        name = f"IP-{self.workshop}"
        if name not in given:
            raise NoPlace(f"{name} is not set: it is the address of the appliance that wod.yml asks for")
        base = str(given[name])
        if not self.has_appliance_per_seat:
            return base
        offset = self._offset
        try:
            return str(ip_address(base) + offset)
        except ValueError:
            raise NoPlace(f"{name} is {base!r}, from which no address can be counted: write the first seat's") from None

    def _port(self, name: str, given: Mapping[str, Any]) -> int:
        base = str(given[name])
        port = int(base) + self._offset if base.isascii() and base.isdigit() and len(base) < 6 else 0
        if not 1 <= port <= LAST_PORT:
            raise NoPlace(f"{name} is {base!r}, from which student {self.student} gets no port: write the first seat's")
        return port

    @property
    def _offset(self) -> int:
        if self.first is None:
            raise NoPlace("wod.yml has no range, from which the seat's address and ports are counted")
        if self.student < self.first:
            raise NoPlace(f"student {self.student} is below its workshop's range, which begins with {self.first}")
        return self.student - self.first

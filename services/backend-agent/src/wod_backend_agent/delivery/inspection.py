"""What is in a seat, for comparing it with what should be: a thing that a delivery may be able to tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID

from wod_backend_agent.delivery.base import Seat


@dataclass(frozen=True)
class SeatContents:
    """``files`` has a mark of kind, mode and content by path below the home; ``processes`` what runs as the seat."""

    files: Mapping[str, str]
    processes: int


@runtime_checkable
class Inspecting(Protocol):
    """A delivery whose seats keep what was delivered while nobody uses them, so that they can be made ahead."""

    async def inspect(self, run: UUID, seat: Seat) -> SeatContents:
        """Changes nothing; a home that is not there is empty. Raises DeliveryFailed."""

"""Commands by hand, on the wire."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wod_api_db.locations.schemas import LocationId
from wod_common.commands import StudentNumber, Verb, WorkshopName

#: One transaction holds them all.
MOST_SEATS = 1000


class OrderByHand(BaseModel):
    """A verb for seats of a workshop; without ``first`` and ``last`` those of its placement."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"verb": "CLEANUP", "workshop": "WKSHP-API101", "location": 1, "first": 1, "last": 3}]
        },
    )

    verb: Verb
    workshop: WorkshopName
    location: LocationId | None = Field(default=None, description="May be left out where the workshop has one alone")
    first: StudentNumber | None = None
    last: StudentNumber | None = Field(default=None, description="Left out, ``first`` is the only one")
    force: bool = Field(default=False, description="End the sessions of those who are in")

    @model_validator(mode="after")
    def _in_order(self) -> "OrderByHand":
        if self.last is not None and self.first is None:
            raise ValueError("last needs first: give both, one seat alone as first, or neither for the whole range")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError(f"the last seat {self.last} is before the first one {self.first}")
        return self


class Outcome(StrEnum):
    """``ended``: somebody was in, his session is ended and the seat takes the road of every end."""

    SENT = "sent"
    ENDED = "ended"
    SKIPPED = "skipped"


class SeatOrder(BaseModel):
    """What became of one seat."""

    number: int
    student_id: int
    outcome: Outcome
    verb: Verb | None = Field(default=None, description="What the seat has got; a session's end begins with CLEANUP")
    command: UUID | None = None
    reason: str | None = Field(default=None, description="Why it was skipped")


_EXAMPLE: dict[str, Any] = {
    "workshop": "WKSHP-API101",
    "location": 1,
    "seats": [
        {
            "number": 1,
            "student_id": 1001,
            "outcome": "sent",
            "verb": "CLEANUP",
            "command": "0b9c1f0e-8a3f-4a0e-9d0c-4f6d1a2b3c4d",
            "reason": None,
        },
        {
            "number": 2,
            "student_id": 1002,
            "outcome": "skipped",
            "verb": None,
            "command": None,
            "reason": "clean and free already",
        },
    ],
}


class OrderReceipt(BaseModel):
    """One entry per seat, by number. Follow a command with GET /api/v1/commands/{id}."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    workshop: str
    location: int
    seats: list[SeatOrder]

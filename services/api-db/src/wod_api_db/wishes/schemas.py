"""What booking wishes did, or would do."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_EXAMPLE: dict[str, Any] = {
    "applied": True,
    "booked": [
        {
            "line": 2,
            "workshop": "WKSHP-API101",
            "location": "Grenoble",
            "first": 1,
            "last": 40,
            "capacity": 39,
            "speaker_seat": True,
        }
    ],
    "changed": [
        {"workshop": "WKSHP-API101", "location": "Grenoble", "field": "seats", "old": "1 to 20", "new": "1 to 40"}
    ],
    "refused": [
        {
            "line": 3,
            "workshop": "WKSHP-Git101",
            "location": "Grenoble",
            "reason": "no 60 seats in a row are left, the longest gap has 20; give the location more seats, or wish for fewer",
        }
    ],
    "notes": [],
}


class Booking(BaseModel):
    """The seats that a wish has."""

    line: int = Field(description="Of the wish, counted from 1")
    workshop: str
    location: str
    first: int
    last: int
    capacity: int
    speaker_seat: bool = Field(description="The last of the seats is the speaker's")


class RangeChange(BaseModel):
    """What the wish changes of a placement."""

    workshop: str
    location: str
    field: str
    old: str
    new: str


class WishRemark(BaseModel):
    """Why a wish is not met, or what to mind of one that is."""

    line: int = Field(description="Of the wish, counted from 1")
    workshop: str
    location: str
    reason: str


class WishReport(BaseModel):
    """What is booked, the difference to what was, and what does not fit. A wish that is refused hinders no other one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    applied: bool = Field(description="False after a dry run")
    booked: list[Booking] = Field(default_factory=list)
    changed: list[RangeChange] = Field(default_factory=list, description="Empty when the same is wished again")
    refused: list[WishRemark] = Field(default_factory=list, description="These keep the seats they have")
    notes: list[WishRemark] = Field(default_factory=list)

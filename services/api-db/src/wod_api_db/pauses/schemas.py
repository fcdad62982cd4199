"""Pauses and announcements on the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wod_api_db.locations.schemas import LocationId
from wod_common.commands import WorkshopName

#: One paragraph of plain text, shown as it is: no line breaks and no other control characters.
PlainText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        pattern="^[^\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]+$",
        examples=["We move to other machines until noon."],
    ),
]


_PAUSE_EXAMPLE: dict[str, Any] = {
    "location": 1,
    "workshop": None,
    "text": "We move to other machines until noon.",
    "created_at": "2026-11-23T10:00:00Z",
    "created_by": "grace",
}
ANNOUNCEMENT_EXAMPLE: dict[str, Any] = _PAUSE_EXAMPLE | {
    "id": 5,
    "text": "Lunch is served in the hall; your labs run on.",
    "sessions": 37,
}


class Scope(BaseModel):
    """Everywhere, where neither is given."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    location: LocationId | None = None
    workshop: WorkshopName | None = None

    @model_validator(mode="after")
    def _one_scope(self) -> "Scope":
        if self.location is not None and self.workshop is not None:
            raise ValueError("give a location or a workshop, or neither for everywhere; not both")
        return self


class Said(Scope):
    """A text for a scope."""

    text: PlainText


class PauseView(BaseModel):
    """Nobody is registered within its scope; ``text`` is shown to visitors."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PAUSE_EXAMPLE]})

    location: int | None
    workshop: str | None
    text: str
    created_at: datetime
    created_by: str


class PauseList(BaseModel):
    """What hinders registration now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_PAUSE_EXAMPLE]}]})

    items: list[PauseView]


class AnnouncementView(BaseModel):
    """What was said to the sessions that ran at that moment."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANNOUNCEMENT_EXAMPLE]})

    id: int
    location: int | None
    workshop: str | None
    text: str
    created_at: datetime
    created_by: str
    sessions: int = Field(description="How many it went to")

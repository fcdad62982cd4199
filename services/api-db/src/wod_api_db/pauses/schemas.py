"""Pauses and announcements on the wire."""

from datetime import datetime
from typing import Annotated

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

    location: int | None
    workshop: str | None
    text: str
    created_at: datetime
    created_by: str


class PauseList(BaseModel):
    items: list[PauseView]


class AnnouncementView(BaseModel):
    """What was said to the sessions that ran at that moment."""

    id: int
    location: int | None
    workshop: str | None
    text: str
    created_at: datetime
    created_by: str
    sessions: int = Field(description="How many it went to")

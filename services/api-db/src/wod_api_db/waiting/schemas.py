"""The waiting list on the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class LineView(BaseModel):
    """Where somebody stands in the line of a workshop."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "place": 3,
                    "length": 7,
                    "counted_to": 300,
                    "waiting_since": "2026-11-23T10:00:00Z",
                    "moved_at": "2026-11-23T10:20:00Z",
                    "waited_seconds": 2700,
                    "offer_ends_at": None,
                }
            ]
        }
    )

    place: int | None = Field(description="1 is offered the next seat; null while one is offered")
    length: int = Field(description="How many wait, this one included while it waits")
    counted_to: int = Field(
        description="Persons are counted up to here; a ``place`` or ``length`` above it says that there are more"
    )
    waiting_since: datetime
    moved_at: datetime | None = Field(
        description="When somebody of this line was last offered a seat; null: not within a day, nobody knows"
    )
    waited_seconds: int | None = Field(
        description="How long the last ten of them had waited, in the middle; null: nobody knows. No promise"
    )
    offer_ends_at: datetime | None = Field(description="While a seat is offered: until when it can be taken")

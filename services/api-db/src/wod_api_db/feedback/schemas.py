"""Feedback on the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

_GIVEN: dict[str, Any] = {"rating": 5, "text": "Clear, and just hard enough.", "given_at": "2026-11-23T12:05:00Z"}
ROW_EXAMPLE: dict[str, Any] = _GIVEN | {"registration": 41, "workshop": "WKSHP-API101"}

Rating = Annotated[int, Field(ge=1, le=5, description="From 1, which is bad, to 5", examples=[5])]


class FeedbackRequest(BaseModel):
    """Replaces what was given before."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    rating: Rating
    text: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$", examples=["Clear, and just hard enough."])] = ""


class FeedbackView(BaseModel):
    """As it was given."""

    model_config = ConfigDict(json_schema_extra={"examples": [_GIVEN]}, from_attributes=True)

    rating: Rating
    text: str
    given_at: datetime


class FeedbackRow(FeedbackView):
    """As an operator sees it in a list, the person by the registration only."""

    registration: int
    workshop: str

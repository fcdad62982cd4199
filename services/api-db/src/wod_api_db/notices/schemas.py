"""Notices on the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE: dict[str, Any] = {
    "id": 12,
    "at": "2026-11-23T10:04:00Z",
    "kind": "seat-broken",
    "location_id": 1,
    "registration_id": 41,
    "text": "student7 at Grenoble could not be cleaned; mend its cause, then POST /api/v1/students/1007/clean.",
    "mailed_at": "2026-11-23T10:05:00Z",
}


class NoticeRow(BaseModel):
    """What an operator has to know of."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    kind: str = Field(examples=["deployment-failed", "seat-broken", "mail-failed", "mail-bounced"])
    location_id: int | None
    registration_id: int | None
    text: str
    mailed_at: datetime | None = Field(description="When it was put into a mail to the operator")

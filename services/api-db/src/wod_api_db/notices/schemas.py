"""Notices on the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


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

"""Mails on the wire."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.mail.states import MailState


class MailRow(BaseModel):
    """An outgoing mail as an operator sees it; its text is made at sending and kept nowhere."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    registration_id: int | None = Field(description="Null for a mail to the operator")
    template: str
    recipient: str = Field(description="Empty for a mail to the operator until it is sent")
    message_id: str
    state: MailState
    attempts: int
    created_at: datetime
    due_at: datetime = Field(description="While it is queued: when it is tried next")
    sent_at: datetime | None
    bounced_at: datetime | None = Field(description="Taken by the relay, and come back later")
    error: str | None = Field(description="Why it has not left, or has come back, in the server's words")


class BounceAnswer(BaseModel):
    """``no-failure`` is a report of a delay or of success: nothing was changed."""

    mail: UUID
    outcome: Literal["bounced", "no-failure"]


class Unsubscribed(BaseModel):
    unsubscribed: Literal[True] = True

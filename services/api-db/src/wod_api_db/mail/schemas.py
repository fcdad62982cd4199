"""Mails on the wire."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.mail.states import MailState

EXAMPLE: dict[str, Any] = {
    "id": "8d1f2c53-5a54-4a6e-9d0b-6f3b9f9a0c11",
    "registration_id": 41,
    "template": "credentials",
    "recipient": "ada@example.org",
    "message_id": "<8d1f2c53-5a54-4a6e-9d0b-6f3b9f9a0c11@example.org>",
    "state": "sent",
    "attempts": 1,
    "created_at": "2026-11-23T10:00:20Z",
    "due_at": "2026-11-23T10:00:20Z",
    "sent_at": "2026-11-23T10:00:21Z",
    "bounced_at": None,
    "error": None,
}


class MailRow(BaseModel):
    """An outgoing mail as an operator sees it; its text is made at sending and kept nowhere."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [EXAMPLE]})

    id: UUID
    registration_id: int | None = Field(description="Null for a mail to the operator, and for those of a class")
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

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"mail": "8d1f2c53-5a54-4a6e-9d0b-6f3b9f9a0c11", "outcome": "bounced"}]}
    )

    mail: UUID
    outcome: Literal["bounced", "no-failure"]


class Unsubscribed(BaseModel):
    """The address gets no more than what a session needs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"unsubscribed": True}]})

    unsubscribed: Literal[True] = True

"""Registrations on the wire, as operators see them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.mail.states import MailState
from wod_api_db.registrations.schemas import EventView, RegistrationState

EXAMPLE: dict[str, Any] = {
    "id": 41,
    "state": "running",
    "workshop": "WKSHP-API101",
    "location": "Grenoble",
    "student": "student7",
    "student_id": 1007,
    "email": "ada@example.org",
    "created_at": "2026-11-23T10:00:00Z",
    "waiting_since": None,
    "offer_ends_at": None,
    "ends_at": "2026-11-23T12:00:20Z",
    "completion": None,
    "cleaned_at": None,
    "failure": None,
}
_DETAILS_EXAMPLE = EXAMPLE | {
    "name": "Ada Martin",
    "company": "",
    "ended_at": None,
    "end_reason": None,
    "ready_at": "2026-11-23T10:00:18Z",
    "clock_started_at": "2026-11-23T10:00:20Z",
    "first_login_at": None,
    "extensions": 0,
    "terms_version": "2026-11",
    "events": [
        {
            "id": 901,
            "at": "2026-11-23T10:00:00Z",
            "type": "registered",
            "state": "registered",
            "data": {"seat": "student7", "location": "Grenoble"},
        }
    ],
    "mails": [
        {
            "id": "6c2f1f0e-8a3f-4a0e-9d0c-4f6d1a2b3c4d",
            "template": "welcome",
            "recipient": "ada@example.org",
            "state": "sent",
            "attempts": 1,
            "created_at": "2026-11-23T10:00:00Z",
            "sent_at": "2026-11-23T10:00:01Z",
            "bounced_at": None,
            "error": None,
        }
    ],
}


class RegistrationRow(BaseModel):
    """A registration as an operator sees it in a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: int
    state: RegistrationState
    workshop: str
    location: str = Field(description="Empty while waiting")
    student: str = Field(description="The account, student<N>; empty without a seat")
    student_id: int | None
    email: str
    created_at: datetime = Field(description="Of one that has waited: when it took its seat")
    waiting_since: datetime | None = Field(description="When it joined the waiting list; null: it never has")
    offer_ends_at: datetime | None = Field(description="While a seat is offered to it: until when")
    ends_at: datetime | None
    completion: int | None = Field(description="Per cent; of a running session at its last measurement")
    cleaned_at: datetime | None
    failure: str | None


class MailView(BaseModel):
    """A mail to the person; never its text."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    template: str
    recipient: str
    state: MailState
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    bounced_at: datetime | None = Field(description="Taken by the relay, and come back later; ``error`` says why")
    error: str | None


class RegistrationDetails(RegistrationRow):
    """A registration with its story and its mails."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DETAILS_EXAMPLE]})

    name: str
    company: str
    ended_at: datetime | None
    end_reason: str | None = Field(
        description="``time``, ``person``, ``operator``, ``no-show`` or ``class``; of a wait also ``offer-lapsed`` and "
        "``retired``"
    )
    ready_at: datetime | None
    clock_started_at: datetime | None
    first_login_at: datetime | None
    extensions: int
    terms_version: str
    events: list[EventView]
    mails: list[MailView]


class ExtendRequest(BaseModel):
    """How much more time, and why; the reason is kept in the audit."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"minutes": 30, "reason": "the network was down"}]},
    )

    minutes: Annotated[int, Field(ge=1, le=24 * 60)]
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class EndRequest(BaseModel):
    """Why the operator ends it; kept in the audit, not shown to the person."""

    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [{"reason": "asked for by mail"}]}
    )

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]

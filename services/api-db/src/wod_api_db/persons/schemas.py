"""A person's data on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.mail.states import MailState
from wod_api_db.registrations.schemas import RegistrationState


class Scope(StrEnum):
    """How far a call reached: everything under the address, or the one registration of the personal token."""

    ADDRESS = "address"
    REGISTRATION = "registration"


_SCOPE = Field(
    description="``registration`` where nobody has signed in to this registration's lab with the mailed password: "
    "who holds the link alone has not shown that the mailbox is his. The operator can help with the rest."
)


class AddressRequest(BaseModel):
    """Whose data; in the body, for a URL ends up in logs."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(min_length=3, max_length=254, examples=["ada@example.org"])]


class Consent(BaseModel):
    terms_version: str
    accepted_at: datetime


class StoryEvent(BaseModel):
    at: datetime
    type: str
    state: RegistrationState
    data: dict[str, Any]


class SentMail(BaseModel):
    template: str
    recipient: str
    state: MailState
    created_at: datetime
    sent_at: datetime | None


class AwardedBadge(BaseModel):
    """``workshop`` or ``special`` says what for."""

    workshop: str | None
    special: str | None
    awarded_at: datetime


class GivenFeedback(BaseModel):
    rating: int
    text: str
    given_at: datetime


class RegistrationData(BaseModel):
    """One registration with everything that belongs to it."""

    id: int
    state: RegistrationState
    workshop: str
    location: str
    username: str = Field(description="The account on JupyterHub; empty where no seat was given")
    name: str
    email: str
    company: str
    consent: Consent
    created_at: datetime
    ready_at: datetime | None
    first_login_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    extensions: int
    completion: int | None
    story: list[StoryEvent]
    mails: list[SentMail]
    badges: list[AwardedBadge]
    feedback: GivenFeedback | None


class HeldInvitation(BaseModel):
    """An instructor has put the address on the list of a class."""

    title: str
    instructor: str
    email: str
    name: str
    invited_at: datetime


class PersonData(BaseModel):
    """Everything that is held of a person. Passwords and links to sessions are no part of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scope": "address",
                    "invitations": [
                        {
                            "title": "API 101 at the summit",
                            "instructor": "grace",
                            "email": "ada@example.org",
                            "name": "Ada Martin",
                            "invited_at": "2026-11-20T10:00:00Z",
                        }
                    ],
                    "registrations": [
                        {
                            "id": 7,
                            "state": "ended",
                            "workshop": "WKSHP-API101",
                            "location": "Grenoble",
                            "username": "student3",
                            "name": "Ada Martin",
                            "email": "ada@example.org",
                            "company": "Example",
                            "consent": {"terms_version": "1", "accepted_at": "2026-11-23T10:00:00Z"},
                            "created_at": "2026-11-23T10:00:00Z",
                            "ready_at": "2026-11-23T10:00:02Z",
                            "first_login_at": "2026-11-23T10:01:00Z",
                            "ends_at": "2026-11-23T12:00:03Z",
                            "ended_at": "2026-11-23T12:00:04Z",
                            "extensions": 0,
                            "completion": 80,
                            "story": [
                                {"at": "2026-11-23T10:00:00Z", "type": "registered", "state": "registered", "data": {}}
                            ],
                            "mails": [
                                {
                                    "template": "welcome",
                                    "recipient": "ada@example.org",
                                    "state": "sent",
                                    "created_at": "2026-11-23T10:00:00Z",
                                    "sent_at": "2026-11-23T10:00:01Z",
                                }
                            ],
                            "badges": [
                                {"workshop": "WKSHP-API101", "special": None, "awarded_at": "2026-11-23T12:00:05Z"}
                            ],
                            "feedback": {"rating": 5, "text": "Clear.", "given_at": "2026-11-23T12:05:00Z"},
                        }
                    ],
                }
            ]
        }
    )

    scope: Scope = _SCOPE
    registrations: list[RegistrationData]
    invitations: list[HeldInvitation] = Field(description="To classes; of the scope ``address`` alone")


class Erasure(BaseModel):
    """What an erasure has done. Nothing leads from the rows to the person any more; the counts stay."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"scope": "address", "registrations": 3, "seats_being_cleaned": 1}]}
    )

    scope: Scope = _SCOPE
    registrations: int = Field(description="How many registrations were erased")
    seats_being_cleaned: int = Field(
        description="Of these, how many have a seat that is still being cleaned; what the location reports of the "
        "cleaning goes as soon as it is done"
    )

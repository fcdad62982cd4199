"""Classes on the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wod_api_db.classes.states import ClassState
from wod_api_db.locations.schemas import LocationId
from wod_api_db.mail.states import MailState
from wod_api_db.registrations.operating import Moment
from wod_api_db.registrations.schemas import RegistrationState
from wod_common.commands import WorkshopName

#: no location is as large; a roster has as many lines
MOST_SEATS = 1000

Seats = Annotated[int, Field(ge=1, le=MOST_SEATS, description="Participants at a time, without the speaker")]
Title = Annotated[
    str,
    Field(
        max_length=120,
        pattern="^[^\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]*$",
        description="What participants know it by; the workshop's name where it is empty",
    ),
]

EXAMPLE: dict[str, Any] = {
    "id": 5,
    "state": "booked",
    "title": "API 101 at the summit",
    "instructor": "grace",
    "workshop": "WKSHP-API101",
    "workshop_name": "API 101: speak REST fluently",
    "location": 1,
    "location_name": "Grenoble",
    "seats": 60,
    "speaker_seat": True,
    "starts_at": "2026-12-01T09:00:00Z",
    "ends_at": "2026-12-01T11:00:00Z",
    "opens_at": "2026-12-01T08:45:00Z",
    "deploy_from": "2026-12-01T08:40:57Z",
    "code": "K7QM-2XRD",
    "join_url": "https://workshops.example.org/join/K7QM-2XRD",
    "invited": 58,
    "joined": 0,
    "labs_ready": 0,
    "help_wanted": 0,
    "created_at": "2026-11-23T10:00:00Z",
    "ended_at": None,
    "end_reason": None,
}
JOIN_EXAMPLE: dict[str, Any] = {
    "title": "API 101 at the summit",
    "instructor": "grace",
    "workshop": "WKSHP-API101",
    "workshop_name": "API 101: speak REST fluently",
    "location_name": "Grenoble",
    "state": "open",
    "starts_at": "2026-12-01T09:00:00Z",
    "ends_at": "2026-12-01T11:00:00Z",
    "opens_at": "2026-12-01T08:45:00Z",
    "left": 42,
}
PARTICIPANT_EXAMPLE: dict[str, Any] = {
    "id": 41,
    "name": "Ada Martin",
    "email": "ada@example.org",
    "username": "student7",
    "speaks": False,
    "state": "running",
    "created_at": "2026-12-01T08:50:00Z",
    "ready_at": "2026-12-01T08:50:00Z",
    "first_login_at": "2026-12-01T08:52:10Z",
    "completion": 40,
    "help_wanted_at": "2026-12-01T09:31:00Z",
    "ended_at": None,
}
INVITATION_EXAMPLE: dict[str, Any] = {
    "id": 77,
    "email": "ada@example.org",
    "name": "Ada Martin",
    "created_at": "2026-11-23T10:05:00Z",
    "mail": "sent",
    "joined": False,
}


class NewClass(BaseModel):
    """Seats of a workshop for a time. Without a location it is the first one where they fit."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [
                {
                    "workshop": "WKSHP-API101",
                    "title": "API 101 at the summit",
                    "seats": 60,
                    "starts_at": "2026-12-01T09:00:00Z",
                    "ends_at": "2026-12-01T11:00:00Z",
                }
            ]
        },
    )

    workshop: Annotated[WorkshopName, Field(description="The workshop's folder name")]
    location: LocationId | None = None
    title: Title = ""
    seats: Seats
    speaker_seat: bool = Field(default=True, description="One more for whoever speaks: the last one of the range")
    starts_at: Moment
    ends_at: Moment


class ClassChange(BaseModel):
    """What is left out stays. A later ``ends_at`` extends everybody's lab."""

    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [{"ends_at": "2026-12-01T11:30:00Z"}]}
    )

    title: Title | None = None
    seats: Seats | None = None
    speaker_seat: bool | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None

    @model_validator(mode="after")
    def _null_is_no_value(self) -> "ClassChange":
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null; leave it out to keep it as it is")
        return self


class ClassView(BaseModel):
    """A class as its instructor sees it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: int
    state: ClassState
    title: str
    instructor: str = Field(description="The account that it belongs to")
    workshop: str
    workshop_name: str
    location: int
    location_name: str
    seats: int = Field(description="Participants at a time, without the speaker")
    speaker_seat: bool
    starts_at: datetime
    ends_at: datetime
    opens_at: datetime = Field(description="Participants are let in from then on, and every lab is to be ready by then")
    deploy_from: datetime = Field(description="The first lab is made then, at the pace that the location can bear")
    code: str = Field(description="What participants type, in any case, with or without the dash")
    join_url: str = Field(description="The portal's page for it")
    invited: int
    joined: int = Field(description="Participants whose lab is being made or runs, without the speaker")
    labs_ready: int = Field(description="Labs that stand ready for those who are still to come")
    help_wanted: int = Field(description="Participants who wait for help")
    created_at: datetime
    ended_at: datetime | None
    end_reason: str | None = Field(description="``time``, or ``instructor`` where it was ended by hand")


class JoinView(BaseModel):
    """A class as whoever has its code sees it."""

    model_config = ConfigDict(json_schema_extra={"examples": [JOIN_EXAMPLE]})

    title: str
    instructor: str
    workshop: str
    workshop_name: str
    location_name: str
    state: ClassState
    starts_at: datetime
    ends_at: datetime
    opens_at: datetime = Field(description="Registering with the code works from then on")
    left: int = Field(description="How many more it takes")


class Participant(BaseModel):
    """Who is in, or was, and how far."""

    model_config = ConfigDict(json_schema_extra={"examples": [PARTICIPANT_EXAMPLE]})

    id: int = Field(description="The registration's id")
    name: str
    email: str
    username: str = Field(description="The account on JupyterHub; empty without a seat")
    speaks: bool = Field(description="On the speaker's seat")
    state: RegistrationState
    created_at: datetime
    ready_at: datetime | None
    first_login_at: datetime | None
    completion: int | None = Field(description="Per cent of the code cells that were run, at the last measurement")
    help_wanted_at: datetime | None
    ended_at: datetime | None


class ParticipantList(BaseModel):
    """Those who want help first, the longest wait before the others; then in the order in which they came."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [PARTICIPANT_EXAMPLE]}]})

    items: list[Participant]


class InvitationView(BaseModel):
    """A line of the roster."""

    model_config = ConfigDict(json_schema_extra={"examples": [INVITATION_EXAMPLE]})

    id: int
    email: str
    name: str
    created_at: datetime
    mail: MailState | None = Field(description="What became of the last invitation to the address")
    joined: bool = Field(description="The address has registered with the class's code")


class InvitationList(BaseModel):
    """The roster, by address."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [INVITATION_EXAMPLE]}]})

    items: list[InvitationView]


class RosterAnswer(BaseModel):
    """Who of an uploaded roster is invited now, and how many were already."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"invited": 57, "already": 1, "dry_run": False}]})

    invited: int
    already: int
    dry_run: bool


class SpeakerRequest(BaseModel):
    """The terms that the speaker has accepted, as everybody who registers."""

    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [{"terms_version": "2026-11"}]}
    )

    name: Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    terms_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,20}$")]

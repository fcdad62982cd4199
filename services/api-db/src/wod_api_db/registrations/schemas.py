"""Registrations on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.waiting.schemas import LineView
from wod_common.commands import WorkshopName


class RegistrationState(StrEnum):
    """The states of a registration; ``ended``, ``failed`` and ``cancelled`` are final."""

    WAITING = "waiting"
    OFFERED = "offered"
    REGISTERED = "registered"
    DEPLOYING = "deploying"
    RUNNING = "running"
    EXPIRING = "expiring"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RegistrationRequest(BaseModel):
    """What the form sends."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    workshop: Annotated[WorkshopName, Field(description="The workshop's folder name")]
    name: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["Ada Martin"])]
    email: Annotated[str, Field(min_length=3, max_length=254, examples=["ada@example.org"])]
    company: Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    terms_version: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9.-]{1,20}$", description="The version of the terms the visitor accepted"),
    ]
    wait: Annotated[
        bool, Field(description="Where there is no room, or others wait for it already: join the waiting list")
    ] = False
    join_code: Annotated[
        str | None,
        Field(
            max_length=40,
            pattern=r"^[^\x00]*$",
            description="Of a class of this workshop: one of its booked seats, until its end",
            examples=["K7QM-2XRD"],
        ),
    ] = None


_EXAMPLE: dict[str, Any] = {
    "id": 41,
    "token": "41-kJ8f3mZq0LwVb2nXy7RtPs5HcDe9GuAi",
    "state": "running",
    "workshop": "WKSHP-API101",
    "workshop_name": "API 101: speak REST fluently",
    "name": "Ada Martin",
    "username": "student7",
    "location": "Grenoble",
    "lab_url": "https://lab.example.org/hub/user-redirect/lab/tree/WKSHP-API101/0-ReadMeFirst.ipynb",
    "created_at": "2026-11-23T10:00:00Z",
    "running_since": "2026-11-23T10:00:20Z",
    "ends_at": "2026-11-23T12:00:20Z",
    "ended_at": None,
    "duration_seconds": 7200,
    "completion": None,
    "cleaned": False,
    "message": "Your lab is running.",
    "line": None,
    "ready_in_seconds": None,
    "waiting_before": None,
    "extension_seconds": 3600,
    "mail_trouble": None,
    "announcement": None,
    "correctable": True,
    "class_id": None,
    "help_wanted_at": None,
    "last_event_id": 905,
}


class RegistrationView(BaseModel):
    """A registration as its holder sees it. The password is in the mail alone."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: int
    token: str = Field(description="The personal token: whoever has it may look at this registration and end it")
    state: RegistrationState
    workshop: str = Field(description="The workshop's folder name")
    workshop_name: str
    name: str
    username: str = Field(description="The account on JupyterHub, student<N>; empty without a seat")
    location: str = Field(description="Empty while waiting")
    lab_url: str = Field(description="Opens the lab in JupyterHub; empty without a seat")
    created_at: datetime = Field(description="Of one that has waited: when it took its seat")
    running_since: datetime | None = Field(description="When the clock started")
    ends_at: datetime | None = Field(description="Known once the lab is ready")
    ended_at: datetime | None
    duration_seconds: int
    completion: int | None = Field(
        description="Per cent of the code cells that were run: some minutes ago while the session runs, at its end afterwards"
    )
    cleaned: bool = Field(description="The seat has been given back, or there never was one")
    message: str = Field(description="One sentence on how it stands, fit to show")
    line: LineView | None = Field(
        description="While waiting or offered: where one stands; null otherwise, and in the answer to a registration"
    )
    ready_in_seconds: int | None = Field(
        description="About how long until the lab is there, by the pace of the last ones made at the location; "
        "null once it is made, and where nothing is known of the pace"
    )
    waiting_before: int | None = Field(
        description="Labs that the location prepares before this one; null once it is made, and in the answer to a registration"
    )
    extension_seconds: int | None = Field(
        description="How much longer the session gets when it is extended; null where it may not be extended (any more)"
    )
    mail_trouble: str | None = Field(
        description="Set where a mail to this person was refused or came back; fit to show"
    )
    announcement: str | None = Field(description="What the operator last said to the running sessions")
    correctable: bool = Field(description="The address may still be corrected, by the browser that registered")
    class_id: int | None = Field(description="The class that it belongs to; its person can ask the instructor for help")
    help_wanted_at: datetime | None = Field(description="Since when its person waits for help")
    last_event_id: int = Field(description="Resume the event stream behind this one")


class NewRegistrationView(RegistrationView):
    """The answer to a registration."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [_EXAMPLE | {"browser_key": "Zx81kQm4Tn0pRb7Ls2Wd5Vy9Hc3Jf6Ga"}]}
    )

    browser_key: str = Field(
        description="Lets this browser correct a mistyped address, once; it is in no mail and is not shown again"
    )


class AddressCorrection(BaseModel):
    """A mistyped address is put right."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    email: Annotated[str, Field(min_length=3, max_length=254, examples=["ada@example.org"])]
    browser_key: Annotated[str, Field(min_length=32, max_length=32, pattern="^[A-Za-z0-9_-]+$")]


class CredentialsSent(BaseModel):
    """The mail is queued."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"left": 3}]})

    left: int = Field(description="How often more it can be asked for")


class EventView(BaseModel):
    """One row of a registration's story, also the data of a server-sent event.

    Types, each with what ``data`` holds: ``waiting``, ``offered`` (until), ``offer-unsent`` and ``offer-withdrawn`` (back
    in line, at the same place), ``registered`` (seat, location), ``command-sent`` and ``accepted`` (verb),
    ``progress`` (verb, step, percent, message, seconds: those that are known), ``late-report`` (verb, report),
    ``running``, ``mail-sent``, ``mail-failed`` and ``mail-bounced`` (template), ``clock-started``, ``first-login``,
    ``completion`` (completion, measured_at: another share of the code cells was run), ``reminded``, ``expiring``,
    ``extended`` (ends_at), ``announcement`` (text), ``corrected``, ``deploying-again``,
    ``ended`` and ``cancelled`` (reason; of a wait also seat, which is false: nothing follows), ``failed``,
    ``seat-broken`` (verb), ``cleaned`` (completion), ``help-wanted``, ``help-done`` (by), ``legacy-unexpected`` (field),
    ``incident`` (kind, program, processes, ended: what the location's watchdog saw).
    """

    id: int
    at: datetime
    type: str
    state: RegistrationState
    data: dict[str, Any]

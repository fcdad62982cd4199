"""The legacy wire: camelCase, and booleans and numbers that may come as JSON strings.

A field that a body may not set is not here: it is passed over, as the original passes over one it does not know.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr
from pydantic.alias_generators import to_camel


def _iso(moment: datetime) -> str:
    """As a browser writes it: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(_iso, return_type=str, when_used="json")]


def _flag(value: Any) -> Any:
    return value.lower() == "true" if isinstance(value, str) and value.lower() in {"true", "false"} else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else value


def _unicode(value: Any) -> Any:
    """A lone surrogate is no character: it can be neither hashed nor sealed. Other strings are checked anyway."""
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("is no Unicode text")
    return value


Flag = Annotated[bool, BeforeValidator(_flag), Field(strict=True)]
Percent = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, le=100)]
Seats = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, le=100_000)]
Line = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Secret = Annotated[SecretStr, BeforeValidator(_unicode), Field(min_length=1, max_length=200)]


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class LoginRequest(Wire):
    username: Line
    password: Secret


class LoginAnswer(Wire):
    id: int
    username: str
    email: str
    roles: list[str]
    access_token: str


class LoginRefusal(Wire):
    access_token: None = None
    message: str


class UserRow(Wire):
    id: int
    username: str
    email: str
    roles: list[str]
    created_at: Moment


class NewUser(Wire):
    username: Annotated[Line, Field(min_length=1)]
    email: Annotated[Line, Field(min_length=1)]
    password: Secret
    roles: Annotated[list[Line], Field(max_length=3)] = []


class UserChange(Wire):
    username: Annotated[Line, Field(min_length=1)] | None = None
    email: Line | None = None
    password: Secret | None = None
    roles: Annotated[list[Line], Field(max_length=3)] | None = None


class CustomerRequest(Wire):
    """What the form sends. Workshop, seat, place and state are ours to say, whatever else it names."""

    name: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
    email: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
    company: Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None
    #: the workshop's name; ``title`` and the folder's name serve as well
    session_name: Line | None = None
    title: Line | None = None


class CustomerAnswer(Wire):
    id: int
    name: str
    email: str
    student_id: int
    proxy: str


class RunningAnswer(Wire):
    id: int
    title: str
    end_date: Moment


class CustomerChange(Wire):
    """What a back end reports of a registration."""

    active: Flag | None = None
    cleaned: Flag | None = None
    completion_percentage: Percent | None = None


class CustomerRow(Wire):
    id: int
    name: str
    email: str
    company: str
    session_name: str
    session_type: str
    location: str
    proxy: str
    active: bool
    cleaned: bool
    last_email_sent: Literal["welcome", "credentials", "expiring", "expired", "error", "unregister"] | None
    notebook: str
    hours: float
    start_date: Moment
    end_date: Moment
    student_id: int | None
    special_badge_id: int | None
    completion_percentage: int | None
    created_at: Moment
    updated_at: Moment


class StudentRow(Wire):
    """``password`` is always empty: the original's parts write it, none of them reads it."""

    id: int
    url: str
    username: str
    password: Literal[""] = ""
    assigned: bool
    location: str
    created_at: Moment | None = None
    updated_at: Moment | None = None


class StudentChange(Wire):
    """What a back end reports of a seat."""

    password: Secret | None = None
    assigned: Flag | None = None


class NewStudent(Wire):
    username: Annotated[str, Field(pattern=r"^student[1-9][0-9]{0,5}$", examples=["student41"])]
    location: Line


class LocationRow(Wire):
    """``name`` is the host that labs are opened at and command mails go to."""

    id: int
    name: str
    basestdid: int
    proto: str
    port: int


class LocationChange(Wire):
    name: Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")] | None = None
    basestdid: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, le=2**31 - 1)] | None = None
    proto: Literal["http", "https"] | None = None
    port: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=1, le=65_535)] | None = None


class SpecialBadgeRow(Wire):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)

    id: int
    name: str
    title: str
    description: str
    badge_img: str


class WorkshopRow(Wire):
    """``capacity`` is what is left. ``range``, ``location`` and its alternates are the placements'."""

    id: int
    name: str
    notebook: str
    description: str
    capacity: int
    priority: int
    range: list[int]
    reset: bool
    varpass: bool
    ldap: bool
    monoappliance: bool
    multiappliance: bool
    beta: bool
    session_id: str
    session_type: str
    location: str
    avatar: str
    role: str
    pre_requisite: str
    replay_link: str
    active: bool
    workshop_img: str
    badge_img: str
    replay_id: int | None
    #: names of scripts joined by commas, null for none: the original's scripts read a text
    compile: str | None
    category: list[str]
    alternate_location: list[str]
    duration: float
    presenter: str
    created_at: Moment
    updated_at: Moment


class ListedWorkshopRow(WorkshopRow):
    popular: bool


class WorkshopChange(Wire):
    """Any of a workshop's values; the author's rules check them (``wod_api_db.workshops.definition``)."""

    name: Any = None
    description: Any = None
    capacity: Seats | None = None
    priority: Annotated[int, BeforeValidator(_whole)] | None = None
    range: Any = None
    reset: Flag | None = None
    varpass: Flag | None = None
    ldap: Flag | None = None
    monoappliance: Flag | None = None
    multiappliance: Flag | None = None
    beta: Flag | None = None
    session_type: Any = None
    avatar: Any = None
    role: Any = None
    pre_requisite: Any = None
    replay_link: Any = None
    active: Flag | None = None
    workshop_img: Any = None
    badge_img: Any = None
    replay_id: Any = None
    compile: Any = None
    category: Any = None
    duration: Any = None
    presenter: Any = None


class NewWorkshop(WorkshopChange):
    notebook: Annotated[str, Field(pattern=r"^WKSHP-[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    location: Line

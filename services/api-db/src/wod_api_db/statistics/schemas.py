"""Statistics on the wire. Times are in seconds."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.ready.schemas import ReadySeats
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.students.states import StudentState


class Spread(BaseModel):
    """How long something took, over the ``count`` registrations for which both ends are known."""

    count: int
    median: float | None
    p90: float | None
    p99: float | None


class Moment(BaseModel):
    at: datetime
    registrations: int


class OfWorkshop(BaseModel):
    workshop: str
    name: str
    registrations: int
    persons: int
    failed: int
    completion: float | None = Field(description="Mean per cent, of those that were cleaned")


class OfCategory(BaseModel):
    """A workshop of two categories counts in both."""

    category: str
    registrations: int
    persons: int


class OfSessionType(BaseModel):
    session_type: str
    workshops_active: int
    sessions_running: int
    registrations: int = Field(description="Within the time that was asked for; the two others are of now")


class OfState(BaseModel):
    state: RegistrationState
    registrations: int


class End(BaseModel):
    """``cancelled`` is an end before the lab was ready."""

    state: RegistrationState
    reason: str | None = Field(description="time, person, operator or no-show")
    registrations: int


class Failure(BaseModel):
    reason: str = Field(description="The first line of it, 200 characters at most")
    registrations: int


class Waits(BaseModel):
    """Of those who joined a waiting list within the time. With a location: those who were offered a seat there."""

    joined: int
    offered: int = Field(description="Were offered a seat at least once")
    taken: int = Field(description="Took it: these are registrations, too")
    lapsed: int = Field(description="Did not answer in time")
    left: int = Field(description="Left the line themselves")
    waiting: int = Field(description="Still in line")


class Completion(BaseModel):
    """``tenths[0]`` counts 0 to 9 per cent, ``tenths[9]`` 90 to 100."""

    count: int
    mean: float | None
    tenths: list[int] = Field(min_length=10, max_length=10)


class Seats(BaseModel):
    """Of now."""

    location: str
    seats: int
    by_state: dict[StudentState, int]


class Classes(BaseModel):
    """Those that began within the time."""

    taught: int
    cancelled: int
    seats: int = Field(description="Booked for participants of those that were taught")
    joined: int = Field(description="Registrations with their codes")
    took_part: int = Field(description="Of these, whose person has signed in")


class Statistics(BaseModel):
    """Registrations made within ``since <= created < until``, as they stand; what is of now says so."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "since": "2026-11-23T00:00:00Z",
                    "until": "2026-11-24T00:00:00Z",
                    "registrations": 2,
                    "persons": 2,
                    "extensions": 1,
                    "first_logins": 1,
                    "workshops_active": 14,
                    "sessions_running": 1,
                    "by_state": [
                        {"state": "ended", "registrations": 1},
                        {"state": "failed", "registrations": 1},
                    ],
                    "step": "hour",
                    "over_time": [{"at": "2026-11-23T10:00:00Z", "registrations": 2}],
                    "by_workshop": [
                        {
                            "workshop": "WKSHP-API101",
                            "name": "API 101",
                            "registrations": 2,
                            "persons": 2,
                            "failed": 1,
                            "completion": 80.0,
                        }
                    ],
                    "by_category": [{"category": "Open Source", "registrations": 2, "persons": 2}],
                    "by_session_type": [
                        {
                            "session_type": "Workshops-on-Demand",
                            "workshops_active": 14,
                            "sessions_running": 1,
                            "registrations": 2,
                        }
                    ],
                    "ended": [{"state": "ended", "reason": "time", "registrations": 1}],
                    "ready": {
                        "prepared": 12,
                        "failed": 0,
                        "found_ready": 9,
                        "thrown_away": 1,
                        "idle_seat_hours": 14.5,
                    },
                    "failures": [{"reason": "1-Lab.ipynb:3: WODX is undefined", "registrations": 1}],
                    "completion": {"count": 1, "mean": 80.0, "tenths": [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]},
                    "waits": {"joined": 3, "offered": 2, "taken": 1, "lapsed": 1, "left": 0, "waiting": 1},
                    "offered_after": {"count": 2, "median": 1500.0, "p90": 2400.0, "p99": 2400.0},
                    "accepted_after": {"count": 2, "median": 0.2, "p90": 0.3, "p99": 0.3},
                    "deployed_in": {"count": 1, "median": 1.1, "p90": 1.1, "p99": 1.1},
                    "running_after": {"count": 1, "median": 1.4, "p90": 1.4, "p99": 1.4},
                    "login_after": {"count": 1, "median": 50.0, "p90": 50.0, "p99": 50.0},
                    "classes": {"taught": 2, "cancelled": 1, "seats": 80, "joined": 71, "took_part": 66},
                    "seats": [{"location": "Grenoble", "seats": 40, "by_state": {"free": 39, "assigned": 1}}],
                }
            ]
        }
    )

    since: datetime
    until: datetime
    registrations: int
    persons: int = Field(description="Distinct addresses; those that were erased still count as one each")
    extensions: int
    first_logins: int = Field(description="Registrations whose person has signed in to the lab")
    workshops_active: int = Field(description="Of now")
    sessions_running: int = Field(description="Of now")
    by_state: list[OfState]
    step: Literal["hour", "day"] = Field(description="Hours for up to two days, else days, in UTC")
    over_time: list[Moment] = Field(description="Every step, also those without a registration")
    by_workshop: list[OfWorkshop]
    by_category: list[OfCategory]
    by_session_type: list[OfSessionType]
    ended: list[End]
    failures: list[Failure] = Field(description="The 20 most frequent reasons")
    completion: Completion
    waits: Waits
    offered_after: Spread = Field(description="From joining a waiting list until the (last) offer of a seat")
    accepted_after: Spread = Field(description="From the click until the location has taken the command")
    deployed_in: Spread = Field(description="From then until the lab is made")
    running_after: Spread = Field(description="From the click until the lab is there")
    login_after: Spread = Field(description="From then until the first login")
    classes: Classes
    ready: ReadySeats = Field(description="What seats made ahead were good for, and what they cost")
    seats: list[Seats]


class PublicStatistics(BaseModel):
    """A few figures for everyone; some seconds old at most."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"registrations": 1200, "persons": 800, "workshops_active": 14, "sessions_running": 9}]
        }
    )

    registrations: int = Field(description="So far")
    persons: int = Field(description="So far")
    workshops_active: int
    sessions_running: int

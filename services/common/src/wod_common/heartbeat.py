"""What an agent tells the api-db of itself every few seconds, and what it is told in return."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wod_common.capabilities import Capability
from wod_common.commands import Order, StudentNumber

#: Between two heartbeats of an agent.
INTERVAL_SECONDS = 10.0
#: A location that has been silent for this long is taken for unhealthy.
SILENCE_SECONDS = 60.0

#: More first logins than this do not travel at once.
MOST_LOGINS = 10_000

#: Nor do more completions.
MOST_COMPLETIONS = 10_000

Count = Annotated[int, Field(ge=0, le=2**53)]


class SeatLogin(BaseModel):
    """The first successful login of the seat's present holder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: StudentNumber
    generation: Order
    at: AwareDatetime


class SeatCompletion(BaseModel):
    """How much of the workshop the seat's present holder had run at ``at``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: StudentNumber
    generation: Order
    percent: Annotated[int, Field(ge=0, le=100)]
    at: AwareDatetime


class Heartbeat(BaseModel):
    """Sizes in bytes; ``load`` is the host's load average over a minute, ``cpus`` what to compare it with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(max_length=40, pattern=r"^[\x20-\x7e]*$")]
    #: the hub answers
    hub: bool
    #: commands that wait, and that run, and how many may run at once
    waiting: Count
    running: Count
    concurrency: Count
    cpus: Count
    load: Annotated[float, Field(ge=0, le=1e6)]
    memory_total: Count
    memory_available: Count
    disk_total: Count
    disk_free: Count
    #: of seats that are still deployed; repeated with every heartbeat
    logins: Annotated[list[SeatLogin], Field(max_length=MOST_LOGINS)] = []
    #: of seats that somebody works in, the last measurement of each; repeated with every heartbeat
    completions: Annotated[list[SeatCompletion], Field(max_length=MOST_COMPLETIONS)] = []
    #: what workshops may ask of it; None of an agent that does not tell
    capabilities: Annotated[list[Capability], Field(max_length=len(Capability))] | None = None


class SeatInUse(BaseModel):
    """A seat that a person holds. ``seconds_left`` is None before the clock has started."""

    model_config = ConfigDict(frozen=True)

    student: StudentNumber
    generation: Order
    seconds_left: float | None


class HeartbeatReceipt(BaseModel):
    """Every seat of the location that is in use; any other one is free, or on its way to be."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"seats": [{"student": 7, "generation": 3, "seconds_left": 5400.0}]}]}
    )

    seats: list[SeatInUse]

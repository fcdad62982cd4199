"""What an agent has seen in a seat that should not be there, and what it did about it."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wod_common.commands import RegistrationId, StudentNumber


class IncidentKind(StrEnum):
    #: a program that is not allowed
    PROGRAM = "program"
    #: a process that kept a processor busy for too long
    CPU = "cpu"
    #: a server and its kernels, after the session's end
    OVERTIME = "overtime"
    #: processes in a seat that nobody is let into
    LEFTOVER = "leftover"


class Incident(BaseModel):
    """Told until it is taken; ``id`` makes a repetition known."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "0b0f6c1e-6f0b-4d0c-8a37-0f3c1c6c7d11",
                    "at": "2026-11-23T10:20:00Z",
                    "kind": "program",
                    "student": 7,
                    "registration": 41,
                    "program": "xmrig",
                    "processes": 2,
                    "ended": True,
                }
            ]
        },
    )

    id: UUID
    at: AwareDatetime
    kind: IncidentKind
    student: StudentNumber
    #: who is in the seat, or was the last one in it; None where the agent has never seen anybody there
    registration: RegistrationId | None = None
    #: the first of the programs, by its name; a student chooses it, so it is shown and never trusted
    program: Annotated[str, Field(max_length=64, pattern=r"^[\x20-\x7e]*$")]
    processes: Annotated[int, Field(ge=1, le=2**31 - 1)]
    #: False where the watchdog only watches, or could not end them
    ended: bool


class IncidentReceipt(BaseModel):
    """The api-db has written it down, at that registration's story where there is one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"registration": 41}]})

    registration: int | None

"""A command: what the api-db wants done to one seat of one location, however it travels."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

WORKSHOP_PATTERN = r"^(?:WKSHP|CHLG)-[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

#: See ``wod_common.tracing``.
TRACE_PATTERN = r"^[0-9a-f]{32}$"

#: A folder's name, never a path: it is joined to content folders and homes by processes that run as root.
WorkshopName = Annotated[str, Field(pattern=WORKSHOP_PATTERN, examples=["WKSHP-API101"])]
#: The number N in `student<N>`, counted within its location.
StudentNumber = Annotated[int, Field(ge=1, le=999_999)]
RegistrationId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Order = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Verb(StrEnum):
    """What is done to the seat; the meaning of each is the original system's."""

    CREATE = "CREATE"
    CLEANUP = "CLEANUP"
    RESET = "RESET"
    PURGE = "PURGE"
    DELETE = "DELETE"
    #: made ahead for whoever comes next: delivered, and open to nobody before a CREATE
    PREPARE = "PREPARE"
    #: compared with what it should be; nothing is changed
    VERIFY = "VERIFY"


#: Of these a command names no registration. A PURGE names none where it is a prepared seat's, which nobody has held.
FOR_NOBODY = frozenset({Verb.PREPARE, Verb.VERIFY})
MAY_BE_FOR_NOBODY = FOR_NOBODY | {Verb.PURGE}


class CommandState(StrEnum):
    """Where a command stands; the last three are final."""

    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Command(BaseModel):
    """One command for one seat, or a RESET of a range of seats.

    ``generation`` counts the assignments of the seat and ``sequence`` the commands of one
    assignment: the agent answers an older pair with ``superseded`` and touches nothing. Only a
    command of a listed legacy peer comes without them; it must name the registration that the
    agent's journal holds for the seat. The RESET of a range has the order of its registration's own seat, which is
    any one of the range. PREPARE, VERIFY and the PURGE of a seat that nobody has held name no registration, and are
    always signed. A PREPARE begins a generation as the CREATE of an assignment does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    verb: Verb
    location: Annotated[int, Field(ge=1)]
    student: StudentNumber
    registration: RegistrationId | None = None
    workshop: WorkshopName
    generation: Order | None = None
    sequence: Order | None = None
    #: RESET of a range only: its last student number; ``student`` is its first
    last: StudentNumber | None = None
    #: the first seat of the workshop's range at the location; a listed peer says none, and the author's counts
    first_seat: StudentNumber | None = None
    #: of the click that it comes from, for the logs; a listed peer says none
    trace: Annotated[str, Field(pattern=TRACE_PATTERN)] | None = None
    authority: Literal["signed", "listed"] = "signed"

    @model_validator(mode="after")
    def _signed_commands_are_ordered(self) -> "Command":
        ordered = self.generation is not None and self.sequence is not None
        if ordered != (self.authority == "signed"):
            raise ValueError("a signed command carries generation and sequence, a listed peer's carries neither")
        return self

    @model_validator(mode="after")
    def _it_names_its_registration(self) -> "Command":
        if self.registration is not None:
            if self.verb in FOR_NOBODY:
                raise ValueError(f"{self.verb} is for nobody and names no registration")
        elif self.verb not in MAY_BE_FOR_NOBODY:
            raise ValueError(f"{self.verb} names its registration")
        elif self.authority != "signed":
            raise ValueError("a command without a registration is signed")
        return self

    @model_validator(mode="after")
    def _a_range_is_reset_in_order(self) -> "Command":
        if self.last is not None and (self.verb is not Verb.RESET or self.last < self.student):
            raise ValueError("only RESET takes a range, from its first to its last student number")
        return self

    @property
    def students(self) -> range:
        """The seats it works on: one, or those of a range."""
        return range(self.student, (self.last or self.student) + 1)

    @property
    def order(self) -> tuple[int, int] | None:
        """``(generation, sequence)``, comparable; None for a listed peer's command."""
        if self.generation is None or self.sequence is None:
            return None
        return self.generation, self.sequence


class CommandReceipt(BaseModel):
    """The agent's answer to ``POST /commands``: the command is on its disk and stands at ``state``."""

    id: UUID
    state: CommandState

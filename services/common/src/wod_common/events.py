"""What the agent reports of a command to the api-db."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_serializer

from wod_common.commands import CommandState
from wod_common.texts import OnlyText

#: The step that an agent reports while a command waits in its line.
QUEUED_STEP = "queued"


class EventType(StrEnum):
    """The last three are final: nothing of that command follows them but progress of its server's start."""

    ACCEPTED = "accepted"
    PROGRESS = "progress"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


FINAL = frozenset({EventType.DONE, EventType.FAILED, EventType.SUPERSEDED})

#: PostgreSQL takes no NUL; a program's output may hold one, and the report must not be lost for it
WithoutNul = AfterValidator(lambda text: text.replace("\x00", ""))


#: A seat that differs in more than this is told by the first of them.
MOST_DIFFERENCES = 50
#: Characters of what a command has printed; its end says how it went.
MOST_OUTPUT = 16 * 1024
Difference = Annotated[str, Field(max_length=300), WithoutNul]


class CommandEvent(BaseModel):
    """One report. ``number`` counts from 1 per command: a repeated number is answered like the first and changes nothing."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=2**31 - 1)]
    at: datetime
    type: EventType
    #: progress: the step's short name, e.g. ``account``, ``deliver``, ``server``
    step: Annotated[str, Field(max_length=40), WithoutNul] | None = None
    #: progress: share of the whole command, 0 to 100
    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    #: a sentence a visitor may read
    message: Annotated[str, Field(max_length=500), WithoutNul] | None = None
    #: how long the step or the command took
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    #: done of a CREATE: the seat's new password, kept out of every log and event row
    password: Annotated[SecretStr, Field(max_length=200), OnlyText] | None = None
    #: done of a CLEANUP: per cent of the delivered code cells that were run
    completion: Annotated[int, Field(ge=0, le=100)] | None = None
    #: done of a PREPARE: tells what it delivered from every other state of the content
    content_version: Annotated[str, Field(max_length=100, pattern=r"^[0-9a-z]*$")] | None = None
    #: done of a VERIFY: what is not as it should be, a sentence each; empty where all is well
    differences: Annotated[list[Difference], Field(max_length=MOST_DIFFERENCES)] | None = None
    #: the last report: what Ansible and the hooks have printed, the end of it, with secrets masked; for operators alone.
    #: An agent may leave it out
    output: Annotated[str, Field(max_length=MOST_OUTPUT), WithoutNul] | None = None
    #: failed: what the operator needs to see; holds nothing secret
    error: Annotated[str, Field(max_length=20_000), WithoutNul] | None = None

    @field_serializer("password", when_used="json-unless-none")
    def _reveal_on_the_wire(self, password: SecretStr) -> str:
        return password.get_secret_value()


class CommandEventReceipt(BaseModel):
    """The api-db has stored the event; ``state`` is where the command now stands for it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"state": "running"}]})

    state: CommandState

"""Commands on the wire, as operators see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from wod_common.commands import CommandState, Verb

EXAMPLE: dict[str, Any] = {
    "id": "0b9c1f0e-8a3f-4a0e-9d0c-4f6d1a2b3c4d",
    "registration_id": 41,
    "student_id": 1007,
    "location_id": 1,
    "verb": "CREATE",
    "workshop": "WKSHP-API101",
    "generation": 3,
    "sequence": 1,
    "state": "accepted",
    "attempts": 1,
    "created_at": "2026-11-23T10:00:00Z",
    "due_at": "2026-11-23T10:15:01Z",
    "sent_at": "2026-11-23T10:00:01Z",
    "accepted_at": "2026-11-23T10:00:01Z",
    "finished_at": None,
    "error": None,
}
_REPORT_EXAMPLE = {
    "number": 4,
    "received_at": "2026-11-23T10:00:02Z",
    "data": {
        "number": 4,
        "at": "2026-11-23T10:00:02Z",
        "type": "done",
        "seconds": 0.8,
        "output": "PLAY [Create a seat]\n\nTASK [Render the workshop and put it into a fresh home]\nchanged: [localhost]\n",
    },
}


class CommandView(BaseModel):
    """A command as an operator sees it."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [EXAMPLE]})

    id: UUID
    registration_id: int | None = Field(description="None where the seat is made ahead, cleaned of that, or looked at")
    student_id: int
    location_id: int
    verb: Verb
    workshop: str
    generation: int
    sequence: int
    state: CommandState
    attempts: int = Field(description="How often it was sent")
    created_at: datetime
    due_at: datetime = Field(description="While it is not settled: when it is sent, or sent again")
    sent_at: datetime | None
    accepted_at: datetime | None
    finished_at: datetime | None
    error: str | None


class ReportView(BaseModel):
    """What the agent reported, as it came, without the password; the last one with what Ansible and the hooks printed."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    received_at: datetime
    data: dict[str, Any]


class CommandDetails(CommandView):
    """A command with what its agent reported."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE | {"reports": [_REPORT_EXAMPLE]}]})

    reports: list[ReportView]

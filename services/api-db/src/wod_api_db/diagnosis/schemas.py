"""What the api-db finds of its own surroundings."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_EXAMPLE: dict[str, Any] = {
    "items": [
        {"check": "schema", "subject": "database", "ok": True, "detail": "is that of this release, 0007", "mend": ""},
        {
            "check": "relay",
            "subject": "mail.example.org:587",
            "ok": False,
            "detail": "Connection refused",
            "mend": "start the relay, or correct WOD_API_RELAY_HOST and WOD_API_RELAY_PORT",
        },
    ]
}


class Finding(BaseModel):
    """One thing that was looked at."""

    check: str
    subject: str = Field(description="What was looked at")
    ok: bool
    detail: str
    mend: str = Field(default="", description="What to do; empty where all is well")


class Diagnosis(BaseModel):
    """Everything that was looked at, in that order."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    items: list[Finding]

"""What a synchronisation did, or would do: the same for the terminal and on the wire."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.workshops.importing import Refusal

_EXAMPLE: dict[str, Any] = {
    "applied": True,
    "created": ["WKSHP-Rust101"],
    "changed": [{"workshop": "WKSHP-API101", "field": "duration", "old": "2:00:00", "new": "4:00:00"}],
    "restored": [],
    "retired": ["WKSHP-Gopher"],
    "refused": [
        {"file": "WKSHP-Git/wod.yml", "line": 9, "reason": "range: the first seat 60 is behind the last one 20"}
    ],
    "notes": [],
}


class Change(BaseModel):
    workshop: str = Field(description="The folder's name")
    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.workshop}: {self.field}: {_short(self.old)} -> {_short(self.new)}"


class Remark(BaseModel):
    """A refusal or a note, and the place it is about."""

    file: str
    line: int | None = Field(description="Counts from 1; null where no single line is meant")
    reason: str

    @classmethod
    def of(cls, refusal: Refusal) -> "Remark":
        return cls(file=refusal.shown, line=refusal.line, reason=refusal.reason)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


class SyncReport(BaseModel):
    """The difference between the content folders and what is stored."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    applied: bool = Field(description="False after a dry run, and where the whole synchronisation was refused")
    created: list[str] = Field(default_factory=list, description="Folders that became workshops")
    changed: list[Change] = Field(default_factory=list)
    restored: list[str] = Field(default_factory=list, description="Retired workshops whose folders are back")
    retired: list[str] = Field(default_factory=list, description="Workshops whose folders are gone")
    refused: list[Remark] = Field(default_factory=list, description="These stay as they were stored")
    notes: list[Remark] = Field(default_factory=list)

    def summary(self) -> dict[str, bool | int | list[str]]:
        """What is worth keeping."""
        return {
            "applied": self.applied,
            "created": self.created,
            "changed": sorted({change.workshop for change in self.changed}),
            "restored": self.restored,
            "retired": self.retired,
            "refused": len(self.refused),
        }

    def lines(self) -> Iterator[str]:
        for word, items in (
            ("created", self.created),
            ("changed", self.changed),
            ("restored", self.restored),
            ("retired", self.retired),
            ("refused", self.refused),
            ("note", self.notes),
        ):
            yield from (f"{word:9} {item}" for item in items)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."

"""What a synchronisation did, or would do: the same for the terminal and on the wire."""

from collections.abc import Iterator

from pydantic import BaseModel, Field

from wod_api_db.workshops.importing import Refusal


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

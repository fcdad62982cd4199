"""Workshops out of content folders: each ``WKSHP-*/wod.yml`` becomes a definition, or refusals that say how to mend it."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wod_api_db.workshops.definition import KEYS, WorkshopDefinition
from wod_api_db.workshops.metadata import MAX_BYTES, Entry, MalformedMetadata, read_metadata
from wod_common.commands import WORKSHOP_PATTERN

METADATA = "wod.yml"
CHECKPOINTS = ".ipynb_checkpoints"


@dataclass(frozen=True)
class Refusal:
    """Why a workshop is not imported. ``line`` counts from 1; None where no single line is at fault."""

    file: Path
    line: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


@dataclass
class ImportReport:
    """``notes`` are of the same form as refusals, of workshops that are imported all the same."""

    workshops: list[WorkshopDefinition] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[Refusal] = field(default_factory=list)


class Refused(Exception):
    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(map(str, refusals)))
        self.refusals = refusals


def import_workshops(folders: Sequence[Path]) -> ImportReport:
    """Reads every ``WKSHP-*`` below ``folders``; of two with one name the earlier folder's counts.

    Blocking: call it in a thread. One bad workshop never stops the others.
    """
    report = ImportReport()
    for folder in _workshop_folders(folders, report):
        try:
            workshop, notes = read_workshop(folder)
        except Refused as refused:
            report.refusals.extend(refused.refusals)
        else:
            report.workshops.append(workshop)
            report.notes.extend(notes)
    return report


def _workshop_folders(folders: Sequence[Path], report: ImportReport) -> Iterator[Path]:
    seen: set[str] = set()
    for folder in folders:
        if not folder.is_dir():
            report.refusals.append(Refusal(folder, None, "is not a folder; name a content folder that exists"))
            continue
        for entry in sorted(folder.glob("WKSHP-*")):
            if entry.name not in seen:
                seen.add(entry.name)
                yield entry


def read_workshop(folder: Path) -> tuple[WorkshopDefinition, list[Refusal]]:
    """One workshop and the notes on it. Raises Refused with all that is wrong."""
    if not re.fullmatch(WORKSHOP_PATTERN, folder.name):
        raise Refused(Refusal(folder, None, f"the name {folder.name!r} is not taken; use letters, digits, . _ and -"))
    if folder.is_symlink() or not folder.is_dir():
        raise Refused(Refusal(folder, None, "is not a folder of its own; put the workshop's folder itself here"))
    file = folder / METADATA
    try:
        version = content_version(folder)
        entries = read_metadata(_read_limited(file))
    except FileNotFoundError as error:
        raise Refused(Refusal(file, None, f"is missing; every workshop has a {METADATA}")) from error
    except OSError as error:
        where = Path(error.filename or folder)
        raise Refused(Refusal(where, None, f"cannot be read ({error.strerror}); mend its permissions")) from error
    except MalformedMetadata as error:
        raise Refused(Refusal(file, error.line, error.reason)) from error
    definition = _define(file, entries, version)
    return definition, [*_unknown_keys(file, entries), *_oddities(file, entries, definition)]


def _read_limited(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _define(file: Path, entries: dict[str, Entry], version: str) -> WorkshopDefinition:
    values: dict[str, Any] = {key: entry.value for key, entry in entries.items() if key in KEYS}
    values |= {"notebook": file.parent.name, "contentVersion": version}
    try:
        return WorkshopDefinition.model_validate(values)
    except ValidationError as error:
        raise Refused(*(_refusal(file, entries, item["loc"], item["msg"]) for item in error.errors())) from error


def _refusal(file: Path, entries: dict[str, Entry], location: tuple[int | str, ...], message: str) -> Refusal:
    key = str(location[0])
    if key not in entries:
        return Refusal(file, None, f"{key} is missing; add a line '{key}: ...'")
    shown = repr(entries[key].value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return Refusal(file, entries[key].line, f"{key} is {shown}: {message.removeprefix('Value error, ')}")


def _unknown_keys(file: Path, entries: dict[str, Entry]) -> Iterator[Refusal]:
    for key, entry in entries.items():
        if key not in KEYS and key != "notebook":
            yield Refusal(
                file, entry.line, f"the key {key[:80]!r} is not known and is ignored; remove it or mend its name"
            )


def _oddities(file: Path, entries: dict[str, Entry], definition: WorkshopDefinition) -> Iterator[Refusal]:
    notebook = entries.get("notebook")
    if notebook and notebook.value != definition.notebook:
        yield Refusal(file, notebook.line, f"notebook is ignored: the folder's name {definition.notebook} counts")
    if definition.capacity > definition.range.seats:
        seats = definition.range.seats
        yield Refusal(
            file,
            entries["capacity"].line,
            f"capacity is {definition.capacity} but the range has {seats} seats: at most {seats} are let in at once",
        )


def content_version(folder: Path) -> str:
    """SHA-256 over the relative names and bytes of the folder's files, hexadecimal; checkpoints do not count.

    Raises Refused for a link or a device: a link would carry a file from outside the workshop into every seat.
    """
    digest = hashlib.sha256()
    for path in _files(folder):
        name = os.fsencode(path.relative_to(folder))
        # lengths first, so that no two trees give the same stream of bytes
        digest.update(b"%d:%s" % (len(name), name))
        digest.update(_file_digest(path))
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            if path.name != CHECKPOINTS:
                yield from _files(path)
        elif stat.S_ISREG(mode):
            yield path
        else:
            raise Refused(Refusal(path, None, "is a link or a device; put a copy of the file here"))


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()

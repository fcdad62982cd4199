"""Workshops out of content folders: each ``WKSHP-*/wod.yml`` becomes a definition, or refusals that say how to mend it."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wod_api_db.workshops.definition import KEYS, WorkshopDefinition
from wod_api_db.workshops.notebook_check import broken_notebooks
from wod_common.commands import WORKSHOP_PATTERN
from wod_common.plain_yaml import MAX_BYTES, MalformedYaml
from wod_common.wod_yml import FILE as METADATA
from wod_common.wod_yml import Entry, read_metadata

CHECKPOINTS = ".ipynb_checkpoints"
HOOKS = ("create", "post-copy", "cleanup", "reset")
#: Beyond these a folder is no workshop but a mistake, or an attempt to keep us reading.
MAX_FILES = 10_000
MAX_FOLDER_BYTES = 2 * 1024**3
MAX_FOLDER_DEPTH = 32


@dataclass(frozen=True)
class Refusal:
    """Why a workshop is not imported. ``line`` counts from 1; None where no single line is at fault."""

    file: Path
    line: int | None
    reason: str

    @property
    def shown(self) -> str:
        """The file's name, printable whatever bytes it is made of."""
        name = os.fsencode(self.file).decode("utf-8", "backslashreplace")
        return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in name)

    def __str__(self) -> str:
        return f"{self.shown}:{self.line}: {self.reason}" if self.line else f"{self.shown}: {self.reason}"


@dataclass
class ImportReport:
    """``notes`` are of the same form as refusals, of workshops that are imported all the same."""

    workshops: list[WorkshopDefinition] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[Refusal] = field(default_factory=list)
    #: the folders of all workshops that are there, the refused ones too
    found: dict[str, Path] = field(default_factory=dict)
    #: content folders that are missing, unreadable or without a workshop: a disk may not be mounted
    empty: list[Path] = field(default_factory=list)
    #: the line of each key, by notebook
    lines: dict[str, dict[str, int]] = field(default_factory=dict)

    def about(self, notebook: str, key: str, reason: str) -> Refusal:
        """A refusal or note on a key of a workshop that has been read."""
        return Refusal(self.found[notebook] / METADATA, self.lines[notebook].get(key), reason)


class Refused(Exception):
    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(map(str, refusals)))
        self.refusals = refusals


def import_workshops(folders: Sequence[Path]) -> ImportReport:
    """Reads every ``WKSHP-*`` below ``folders``; of two with one name the earlier folder's counts.

    Blocking: call it in a thread. One bad workshop never stops the others.
    """
    report = ImportReport()
    for folder in folders:
        _find_workshops(folder, report)
    for name, folder in report.found.items():
        try:
            workshop, lines, notes = read_workshop(folder)
        except Refused as refused:
            report.refusals.extend(refused.refusals)
        else:
            report.workshops.append(workshop)
            report.lines[name] = lines
            report.notes.extend(notes)
    return report


def _find_workshops(folder: Path, report: ImportReport) -> None:
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        entries = []
        report.refusals.append(Refusal(folder, None, "is not a folder; name a content folder that exists"))
    except OSError as error:
        entries = []
        report.refusals.append(Refusal(folder, None, f"cannot be read ({error.strerror}); mend its permissions"))
    workshops = [entry for entry in entries if entry.name.startswith("WKSHP-")]
    if not workshops:
        report.empty.append(folder)
    for entry in workshops:
        first = report.found.setdefault(entry.name, entry)
        if first is not entry:
            report.notes.append(Refusal(entry, None, f"is left out: {Refusal(first, None, '').shown} comes first"))
    report.notes.extend(_misnamed(entries))


def _misnamed(entries: list[Path]) -> Iterator[Refusal]:
    """Folders that were meant as workshops, and would otherwise be passed over without a word."""
    for entry in entries:
        if not entry.name.startswith("WKSHP-") and os.path.lexists(entry / METADATA):
            yield Refusal(entry, None, "is left out: the name of a workshop's folder begins with WKSHP-")


def read_workshop(folder: Path) -> tuple[WorkshopDefinition, dict[str, int], list[Refusal]]:
    """One workshop, the lines of its keys and the notes on it. Raises Refused with all that is wrong."""
    if not re.fullmatch(WORKSHOP_PATTERN, folder.name):
        raise Refused(Refusal(folder, None, f"the name {folder.name!r} is not taken; use letters, digits, . _ and -"))
    if folder.is_symlink() or not folder.is_dir():
        raise Refused(Refusal(folder, None, "is not a folder of its own; put the workshop's folder itself here"))
    file = folder / METADATA
    try:
        version = content_version(folder)
        entries = read_metadata(_read_limited(file))
    except OSError as error:
        raise Refused(_unreadable(file, error)) from error
    except MalformedYaml as error:
        raise Refused(Refusal(file, error.line, error.reason)) from error
    definition = _define(file, entries, version)
    lines = {key: entry.line for key, entry in entries.items()}
    notes = [*_unknown_keys(file, entries), *_oddities(file, entries, definition), *_broken(folder)]
    return definition, lines, notes


def _broken(folder: Path) -> Iterator[Refusal]:
    try:
        for path, line, fault in broken_notebooks(folder, CHECKPOINTS):
            yield Refusal(path, line, f"{fault}; no seat of this workshop can be made until it is mended")
    except OSError as error:
        raise Refused(_unreadable(folder / METADATA, error)) from error


def _unreadable(file: Path, error: OSError) -> Refusal:
    where = Path(error.filename) if error.filename else file
    if not isinstance(error, FileNotFoundError):
        return Refusal(where, None, f"cannot be read ({error.strerror}); mend its permissions")
    if where != file:
        return Refusal(where, None, "went away while it was read; import again")
    return Refusal(file, None, f"is missing; every workshop has a {METADATA}")


def _read_limited(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _define(file: Path, entries: dict[str, Entry], version: str) -> WorkshopDefinition:
    values: dict[str, Any] = {key: entry.value for key, entry in entries.items() if key in KEYS}
    values |= {"notebook": file.parent.name, "contentVersion": version, "hooks": _has_hooks(file.parent)}
    try:
        return WorkshopDefinition.model_validate(values)
    except ValidationError as error:
        raise Refused(*(_refusal(file, entries, item["loc"], item["msg"]) for item in error.errors())) from error


def _has_hooks(folder: Path) -> bool:
    """Beside the workshop, or beside the overlay's ``notebooks``."""
    parents = [folder.parent, *([folder.parent.parent] if folder.parent.name == "notebooks" else [])]
    return any(os.path.lexists(parent / "scripts" / f"{kind}-{folder.name}.sh") for parent in parents for kind in HOOKS)


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
            meant = get_close_matches(key[:80], KEYS, 1, cutoff=0.8)
            way_out = f"write {meant[0]}, if that is meant" if meant else "remove it or mend its name"
            yield Refusal(file, entry.line, f"the key {key[:80]!r} is not known and is ignored; {way_out}")


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
    if definition.no_show and definition.no_show >= definition.duration:
        yield Refusal(file, entries["noShow"].line, "noShow is no shorter than the duration: nobody is ever reminded")


def content_version(folder: Path) -> str:
    """SHA-256 over the relative names and bytes of the folder's files, hexadecimal; checkpoints do not count.

    Raises Refused for a link or a device (a link would carry a file from outside the workshop into every seat), and
    for a folder that is too large or too deep.
    """
    digest = hashlib.sha256()
    count = size = 0
    for path, length in _files(folder):
        count, size = count + 1, size + length
        if count > MAX_FILES or size > MAX_FOLDER_BYTES:
            limits = f"{MAX_FILES} files and {MAX_FOLDER_BYTES // 1024**2} MiB"
            raise Refused(Refusal(path, None, f"makes the workshop larger than {limits}; keep such data elsewhere"))
        name = os.fsencode(path.relative_to(folder))
        # lengths first, so that no two trees give the same stream of bytes
        digest.update(b"%d:%s" % (len(name), name))
        digest.update(_file_digest(path))
    return digest.hexdigest()


def _files(folder: Path, depth: int = 0) -> Iterator[tuple[Path, int]]:
    """The files below the folder with their sizes in bytes."""
    if depth > MAX_FOLDER_DEPTH:
        raise Refused(Refusal(folder, None, f"lies deeper than {MAX_FOLDER_DEPTH} folders; put it nearer to the top"))
    for path in sorted(folder.iterdir()):
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            if path.name != CHECKPOINTS:
                yield from _files(path, depth + 1)
        elif stat.S_ISREG(found.st_mode):
            yield path, found.st_size
        else:
            raise Refused(Refusal(path, None, "is a link or a device; put a copy of the file here"))


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()

"""``wod rebrand``: words of a tree of content exchanged by a table, after a look at what that changes. Needs no API."""

import csv
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from wod_cli.calls import Call, command
from wod_cli.failures import Failure, Misused

#: nobody's content: what programs keep for themselves
_LEFT_ALONE = frozenset({".git", ".hg", ".svn", ".ipynb_checkpoints", "__pycache__", "node_modules"})
_JSON = frozenset({".json", ".ipynb"})
#: larger ones are data, not texts
LARGEST = 16 * 2**20
SHOWN = 200

TableArgument = Annotated[
    Path, typer.Argument(metavar="TABLE", help="CSV without a header: what is there, what shall be there instead.")
]
TreeArgument = Annotated[Path, typer.Argument(metavar="TREE", help="The folder with the content.")]
ApplyOption = Annotated[bool, typer.Option("--apply", help="Do it; without this it is only shown.")]


@dataclass(frozen=True)
class Change:
    """A line of a file, before and after."""

    file: str
    line: int
    before: str
    after: str


@dataclass(frozen=True)
class Refusal:
    """A file that stays as it is."""

    file: str
    reason: str


def add_to(app: typer.Typer) -> None:
    command(app, "rebrand")(rebrand)


def rebrand(call: Call, table: TableArgument, tree: TreeArgument, apply: ApplyOption = False) -> None:
    """Exchanges words in the texts of a tree. Files that are no text and links are left alone, names of files stay."""
    words = _read(table)
    root = _root(tree)
    found: list[Change] = []
    refused: list[Refusal] = []
    for path in _files(root):
        _rebrand_file(path, root, words, found, refused, apply=apply)
    report = {
        "applied": apply,
        "files": len({change.file for change in found}),
        "changes": [asdict(change) for change in found],
        "refused": [asdict(refusal) for refusal in refused],
    }
    call.out.thing(report)
    if refused:
        raise Failure(f"{len(refused)} files stay as they are: {refused[0].file}: {refused[0].reason}", type_="refused")


def _read(path: Path) -> dict[str, str]:
    """Raises Misused."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Misused(f"{path} cannot be read as CSV: {error}") from error
    words: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or not row[0]:
            raise Misused(f"{path}, row {number}: two words are meant, what is there and what shall be there instead")
        if words.setdefault(row[0], row[1]) != row[1]:
            raise Misused(f"{path}, row {number}: {row[0]!r} has another word above")
        if set("\r\n\x00") & set(row[0] + row[1]):
            raise Misused(f"{path}, row {number}: a word ends with its line")
    if not words:
        raise Misused(f"{path} has no row")
    return words


def _root(tree: Path) -> Path:
    """Raises Misused."""
    root = tree.resolve()
    if not root.is_dir():
        raise Misused(f"{tree} is no folder")
    if root in {Path("/"), Path.home().resolve()}:
        raise Misused(f"{root} is no tree of content; name the folder of the workshops")
    return root


def _files(root: Path) -> Iterator[Path]:
    """Ordinary files in a fixed order. No link is followed: it may lead out of the tree."""
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in _LEFT_ALONE)
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _rebrand_file(
    path: Path, root: Path, words: Mapping[str, str], found: list[Change], refused: list[Refusal], *, apply: bool
) -> None:
    name = str(path.relative_to(root))
    try:
        text = _text(path)
        after = None if text is None else _exchanged(text, words)
        if text is None or after == text:
            return
        assert after is not None
        if path.suffix in _JSON and _is_json(text) and not _is_json(after):
            refused.append(Refusal(name, "would be no JSON any more: a new word has a quotation mark or a backslash"))
            return
        found += _changes(name, text, after)
        if apply:
            _replace(path, after)
    except OSError as error:
        refused.append(Refusal(name, error.strerror or str(error)))


def _text(path: Path) -> str | None:
    """None for what is no text. Line ends stay what they are."""
    if path.stat().st_size > LARGEST:
        return None
    content = path.read_bytes()
    if b"\x00" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _exchanged(text: str, words: Mapping[str, str]) -> str:
    """In one go, the longest word first: what was put in is not exchanged again."""
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(pattern, lambda match: words[match[0]], text)


def _changes(name: str, before: str, after: str) -> Iterator[Change]:
    """No word has a line's end in it, so that there are as many lines as before."""
    for number, (old, new) in enumerate(zip(before.split("\n"), after.split("\n"), strict=True), 1):
        if old != new:
            yield Change(name, number, old.strip()[:SHOWN], new.strip()[:SHOWN])


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _replace(path: Path, text: str) -> None:
    """The old file or the new one, never half of it; with its mode, and its owner where that may be given."""
    stat = path.stat()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".rebrand-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        temporary.chmod(stat.st_mode & 0o7777)
        if os.geteuid() == 0:
            os.chown(temporary, stat.st_uid, stat.st_gid)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

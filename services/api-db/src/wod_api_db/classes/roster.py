"""Reads a class's roster: CSV as spreadsheets write it, from whoever. What is wrong is said for each line, all at once."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wod_api_db.registrations.addresses import Address, AddressDenied, DenyList, check_address

LARGEST = 256 * 1024  # bytes
MOST_LINES = 2000
LONGEST_NAME = 120
#: In the answer; what is more is most likely the same again.
MOST_ERRORS = 100
_LONGEST_VALUE = 80
_HEADER = {"email": {"email", "e-mail", "mail", "address", "email address"}, "name": {"name", "full name"}}
_DELIMITERS = ",;\t"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Person:
    line: int
    address: Address
    name: str


@dataclass(frozen=True)
class LineError:
    """``line`` counts from 1, as an editor does; ``value`` is what stands there."""

    line: int
    value: str
    message: str

    def wire(self) -> dict[str, str]:
        return {"field": f"line {self.line}", "value": _short(self.value), "message": self.message}


class BrokenRoster(Exception):
    """Nothing of the file is taken."""

    def __init__(self, errors: Sequence[LineError]) -> None:
        super().__init__(f"{len(errors)} lines")
        self.errors = errors


@dataclass(frozen=True)
class _Row:
    line: int
    cells: Sequence[str]


@dataclass(frozen=True)
class _Columns:
    email: int
    name: int | None
    count: int


def read_roster(raw: bytes, deny: DenyList, most: int) -> list[Person]:
    """``most`` is how many people it may name. Raises BrokenRoster."""
    rows = list(_rows(_text(raw)))
    if not rows:
        raise BrokenRoster([LineError(1, "", "the file is empty; it has a line for each person")])
    columns, people = _columns(rows[0], rows[1:])
    found: dict[str, Person] = {}
    errors: list[LineError] = []
    for row in people:
        try:
            _add(found, _person(row, columns, deny), most)
        except _WrongLineError as wrong:
            errors.append(LineError(row.line, wrong.value, str(wrong)))
    if errors:
        raise BrokenRoster(errors)
    return list(found.values())


class _WrongLineError(Exception):
    def __init__(self, value: str, message: str) -> None:
        super().__init__(message)
        self.value = value


def _text(raw: bytes) -> str:
    """Raises BrokenRoster."""
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = "this is not UTF-8; save the file as CSV UTF-8"
        raise BrokenRoster([LineError(line, repr(raw[error.start : error.start + 8])[2:-1], message)]) from error


def _rows(text: str) -> Iterator[_Row]:
    """Lines with something in them, each with the number of its first. Raises BrokenRoster."""
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for cells in reader:
            if begin > MOST_LINES:
                raise BrokenRoster([LineError(begin, "", f"a roster has at most {MOST_LINES} lines")])
            if any(cell.strip() for cell in cells):
                yield _Row(begin, [cell.strip() for cell in cells])
            begin = reader.line_num + 1
    except csv.Error as error:
        lines = text.splitlines()
        value = lines[begin - 1] if begin <= len(lines) else ""
        raise BrokenRoster(
            [LineError(begin, value, f"cannot be read as CSV ({error}): are its quotes closed?")]
        ) from error


def _columns(first: _Row, others: Sequence[_Row]) -> tuple[_Columns, Sequence[_Row]]:
    """By the header; without one the first column is the address, the second the name. Raises BrokenRoster."""
    words = [cell.casefold() for cell in first.cells]
    email = next((place for place, word in enumerate(words) if word in _HEADER["email"]), None)
    if email is None:
        if "@" not in "".join(first.cells[:1]):
            message = (
                "the first line names the columns, and one is called email; without it each begins with an address"
            )
            raise BrokenRoster([LineError(first.line, ",".join(first.cells), message)])
        return _Columns(0, 1, max(2, len(first.cells))), [first, *others]
    name = next((place for place, word in enumerate(words) if word in _HEADER["name"]), None)
    return _Columns(email, name, len(words)), others


def _person(row: _Row, columns: _Columns, deny: DenyList) -> Person:
    """Raises _WrongLineError."""
    if len(row.cells) > columns.count:
        raise _WrongLineError(
            row.cells[columns.count], f"there are {len(row.cells)} columns, and {columns.count} at most are expected"
        )
    email = row.cells[columns.email] if columns.email < len(row.cells) else ""
    if not email:
        raise _WrongLineError(row.cells[0], "there is no address on this line")
    try:
        address = check_address(email, deny)
    except AddressDenied as error:
        raise _WrongLineError(email, error.reason) from error
    return Person(row.line, address, _name(row, columns))


def _name(row: _Row, columns: _Columns) -> str:
    """Raises _WrongLineError."""
    if columns.name is None or columns.name >= len(row.cells):
        return ""
    name = row.cells[columns.name]
    if _CONTROL.search(name):
        raise _WrongLineError(name, "a name has no line breaks and no other control characters")
    if len(name) > LONGEST_NAME:
        raise _WrongLineError(name, f"a name has at most {LONGEST_NAME} characters, and this one has {len(name)}")
    return name


def _add(found: dict[str, Person], person: Person, most: int) -> None:
    """Raises _WrongLineError."""
    earlier = found.get(person.address.key)
    if earlier is not None:
        raise _WrongLineError(person.address.email, f"this address stands on line {earlier.line} already")
    if len(found) >= most:
        raise _WrongLineError(
            person.address.email, f"these are more than {most} people, twice what the class has seats for"
        )
    found[person.address.key] = person


def _short(value: str) -> str:
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value)
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}…"

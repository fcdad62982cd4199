"""``wod export`` and ``wod statistics``: figures to be counted elsewhere."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from wod_cli.calls import Call, command
from wod_cli.failures import Misused
from wod_cli.options import LocationOption, WorkshopOption

EVERYTHING = 10**9
#: a table's programs take what begins with one of these for something to reckon with
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "id", "state", "workshop", "workshop_name", "category", "session_type", "location", "class_id", "created_at",
    "waiting_since", "ready_at", "first_login_at", "ended_at", "end_reason", "extensions", "completion",
    "duration_seconds",
)  # fmt: skip


class Format(StrEnum):
    """What the other side reads."""

    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


FormatOption = Annotated[
    Format, typer.Option("--format", help="ndjson is what Elasticsearch and OpenSearch take at _bulk.")
]
IndexOption = Annotated[str, typer.Option("--index", help="With ndjson: the index that the documents belong to.")]
OutputOption = Annotated[Path | None, typer.Option("--output", help="A new file; by default stdout.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="E.g. 2026-12-01; local time without a zone.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Before this, written like --since.")]


def add_to(app: typer.Typer) -> None:
    command(app, "export")(export)
    command(app, "statistics")(statistics)


def export(  # noqa: PLR0913, PLR0917 - the options of one command
    call: Call,
    format_: FormatOption = Format.CSV,
    index: IndexOption = "wod-registrations",
    output: OutputOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    workshop: WorkshopOption = None,
    location: LocationOption = None,
) -> None:
    """Every registration as a row or a document, without anything of its person; the latest first, as they come."""
    query = {"since": moment(since), "until": moment(until), "workshop": workshop, "location": location}
    with call.api() as api, _written(output) as file:
        items = api.items("statistics/registrations", EVERYTHING, **query)
        for line in _lines(items, Format.JSON if call.out.as_json else format_, index):
            file.write(f"{line}\n")


def statistics(
    call: Call,
    since: SinceOption = None,
    until: UntilOption = None,
    workshop: WorkshopOption = None,
    location: LocationOption = None,
) -> None:
    """The figures of a time, by default of the last 30 days."""
    with call.api() as api:
        query = {"since": moment(since), "until": moment(until), "workshop": workshop, "location": location}
        call.out.thing(api.get("statistics", **query))


def moment(text: str | None) -> str | None:
    """Raises Misused."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError) as error:
        raise Misused(f"{text!r} is no moment; write it as 2026-12-01T09:00 or 2026-12-01") from error


@contextmanager
def _written(path: Path | None) -> Iterator[TextIO]:
    """Raises Misused where the file is there already, or cannot be made."""
    if path is None:
        yield sys.stdout
        return
    try:
        file = path.open("x", encoding="utf-8", newline="\n")
    except OSError as error:
        raise Misused(f"{path} cannot be written: {error.strerror}; name a new file") from error
    with file:
        yield file


def _lines(items: Iterable[Mapping[str, Any]], format_: Format, index: str) -> Iterator[str]:
    """One after another, so that a year of them takes no memory."""
    if format_ is Format.CSV:
        yield _row(COLUMNS)
        for item in items:
            yield _row([_cell(item[column]) for column in COLUMNS])
    elif format_ is Format.NDJSON:
        for item in items:
            yield json.dumps({"index": {"_index": index, "_id": str(item["id"])}})
            yield json.dumps(item, ensure_ascii=False)
    else:
        between = '{"items": ['
        for item in items:
            yield between + json.dumps(item, ensure_ascii=False)
            between = ","
        yield f"{between if between != ',' else ''}]}}"


def _row(cells: Iterable[Any]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return value

"""A registration's whole story as a column of cells: its events, its mails, its commands with what they have printed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wod_frontend.console.backstage import Row
from wod_frontend.console.terms import state_word
from wod_frontend.language import gettext
from wod_frontend.notebook import CellState
from wod_frontend.words import took

#: What a command's own cell tells already.
_OF_COMMANDS = frozenset({"command-sent", "accepted", "progress", "queued", "command-done"})
_STATES = {
    "done": CellState.DONE,
    "sent": CellState.DONE,
    "failed": CellState.FAILED,
    "superseded": CellState.TODO,
    "withheld": CellState.TODO,
}


@dataclass(frozen=True)
class Output:
    """One thing that a command has reported: a step, and the text where there is some."""

    label: str
    took: str = ""
    text: str = ""


@dataclass(frozen=True)
class Moment:
    """``code`` as a notebook would have it, ``facts`` its result, ``link`` the page that has more."""

    at: datetime
    code: str
    state: CellState = CellState.DONE
    facts: Sequence[tuple[str, str]] = ()
    took: str = ""
    outputs: Sequence[Output] = field(default=())
    link: str = ""
    bad: str = ""


def story(details: Row, commands: Iterable[Row]) -> list[Moment]:
    """In the order of time; of one moment the events come first, for they are what the rest follows from."""
    moments = [_event(row, details) for row in details["events"] if row["type"] not in _OF_COMMANDS]
    moments += [_mail(row) for row in details["mails"]]
    moments += [_command(row) for row in commands]
    return sorted(moments, key=lambda moment: moment.at)


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _event(row: Row, details: Row) -> Moment:
    failed = row["type"] in {"failed", "mail-failed"}
    # its row is written last in the transaction that begins the story, with what follows from it
    at = details["created_at"] if row["type"] == "registered" else row["at"]
    return Moment(
        when(at),
        str(row["type"]),
        CellState.FAILED if failed else CellState.DONE,
        facts=_facts(row["data"]),
    )


def _facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in data.items() if value not in {None, ""} and not _nested(value)]


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _mail(row: Row) -> Moment:
    state = CellState.FAILED if row["bounced_at"] else _STATES.get(row["state"], CellState.RUNNING)
    return Moment(
        when(row["created_at"]),
        f"mail({row['template']})",
        state,
        facts=[(gettext("to"), row["recipient"]), (gettext("state"), state_word(row["state"]))],
        took=_between(row["created_at"], row["sent_at"]),
        bad=row["error"] or "",
    )


def _command(row: Row) -> Moment:
    return Moment(
        when(row["created_at"]),
        f"{row['verb']}({row['workshop']})",
        _STATES.get(row["state"], CellState.RUNNING),
        facts=[(gettext("state"), state_word(row["state"])), (gettext("sent"), f"{row['attempts']}x")],
        took=_between(row["created_at"], row["finished_at"]),
        outputs=outputs(row.get("reports", [])),
        link=f"/console/commands/{row['id']}",
        bad=row["error"] or "",
    )


def outputs(reports: Iterable[Row]) -> list[Output]:
    return [_output(report["data"]) for report in reports]


def _output(data: Row) -> Output:
    label = " ".join(str(part) for part in (data["type"], data.get("step"), data.get("message")) if part)
    seconds = data.get("seconds")
    text = "\n".join(
        str(part) for part in (data.get("output"), data.get("error"), *data.get("differences", [])) if part
    )
    return Output(label, f"{seconds:.1f} s" if seconds is not None else "", text)


def _between(began: str, ended: str | None) -> str:
    return took(when(ended) - when(began)) if ended else ""

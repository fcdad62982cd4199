"""The journal's tables, and what is read and written in one statement or two of a transaction."""

import json
import sqlite3
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from wod_backend_agent.order import SeatRecord
from wod_common.commands import Command, CommandState, Verb
from wod_common.events import CommandEvent

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS commands (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    student INTEGER NOT NULL,
    state TEXT NOT NULL,
    received TEXT NOT NULL,
    ended TEXT,
    sealed_password TEXT,
    measured INTEGER NOT NULL DEFAULT 0,
    completion INTEGER
);
CREATE INDEX IF NOT EXISTS commands_by_state ON commands (state, position);
CREATE INDEX IF NOT EXISTS commands_by_student ON commands (student, position);
CREATE TABLE IF NOT EXISTS events (
    command TEXT NOT NULL REFERENCES commands (id),
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    reported INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (command, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_to_report ON events (command, number) WHERE NOT reported;
CREATE TABLE IF NOT EXISTS seats (
    student INTEGER PRIMARY KEY,
    generation INTEGER,
    sequence INTEGER,
    holder INTEGER,
    last_holder INTEGER,
    password_hash TEXT
);
CREATE TABLE IF NOT EXISTS cleaned (
    student INTEGER NOT NULL,
    registration INTEGER NOT NULL,
    PRIMARY KEY (student, registration)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deployments (
    student INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    first_login TEXT
);
CREATE TABLE IF NOT EXISTS prepared (
    student INTEGER PRIMARY KEY,
    command TEXT NOT NULL,
    workshop TEXT NOT NULL,
    version TEXT NOT NULL DEFAULT '',
    files TEXT NOT NULL DEFAULT '{}',
    sealed_password TEXT NOT NULL DEFAULT '',
    password_hash TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS hooks (
    command TEXT NOT NULL REFERENCES commands (id),
    hook TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (command, hook)
);
CREATE TABLE IF NOT EXISTS outputs (
    command TEXT PRIMARY KEY REFERENCES commands (id),
    text TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS incidents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS probe (at TEXT NOT NULL);
"""

UNFINISHED = (CommandState.ACCEPTED, CommandState.RUNNING)


class CommandRecord(BaseModel):
    """A command as the agent's API shows it."""

    command: Command
    state: CommandState
    received: datetime
    ended: datetime | None
    completion: int | None


class HookResult(BaseModel):
    """One hook of a command, in its last run."""

    hook: str
    #: ``exit 0``, ``signal 9``, or ``limit`` where its time was over
    ended: str
    seconds: float
    #: the end of what it has printed, with the secrets that it was given masked
    output: str


def now() -> str:
    return datetime.now(UTC).isoformat()


def read_seat(db: sqlite3.Connection, student: int) -> SeatRecord:
    row = db.execute("SELECT * FROM seats WHERE student = ?", (student,)).fetchone()
    if row is None:
        return SeatRecord(student)
    order = None if row["generation"] is None else (row["generation"], row["sequence"])
    return SeatRecord(student, order, row["holder"], row["last_holder"])


def ruling_seat(db: sqlite3.Connection, command: Command) -> int | None:
    """The seat whose order and holder decide on the command: of a range, that of the registration it names.

    None where the journal has never seen that registration in the range, so that there is nothing to compare with.
    """
    if command.last is None:
        return command.student
    values = {"first": command.student, "last": command.last, "registration": command.registration}
    row = db.execute(
        "SELECT student FROM seats WHERE student BETWEEN :first AND :last"
        " AND :registration IN (holder, last_holder) LIMIT 1",
        values,
    ).fetchone()
    if row is None:
        # somebody else has held the seat since: its order is above the command's
        row = db.execute(
            "SELECT student FROM cleaned WHERE student BETWEEN :first AND :last AND registration = :registration LIMIT 1",
            values,
        ).fetchone()
    return None if row is None else int(row["student"])


def held_by_others(db: sqlite3.Connection, command: Command) -> list[int]:
    """Seats of the command that another registration holds and that no command before this one will clean."""
    cleanings = [Command.model_validate_json(row["body"]) for row in unfinished_rows(db, None)]
    being_cleaned = {(one.student, one.registration) for one in cleanings if one.verb is not Verb.CREATE}
    rows = db.execute(
        "SELECT student, holder FROM seats WHERE student BETWEEN ? AND ? AND holder <> ? ORDER BY student",
        (command.students[0], command.students[-1], command.registration),
    )
    return [row["student"] for row in rows if (row["student"], row["holder"]) not in being_cleaned]


def cleaned_before(db: sqlite3.Connection, command: Command, seat: int) -> bool:
    key = (seat, command.registration)
    return db.execute("SELECT 1 FROM cleaned WHERE student = ? AND registration = ?", key).fetchone() is not None


def insert(
    db: sqlite3.Connection, command: Command, seat: int, state: CommandState, sealed_password: str | None
) -> None:
    """``seat`` is where it is looked for when later commands come: the one whose order it has."""
    db.execute(
        "INSERT INTO commands (id, body, student, state, received, sealed_password) VALUES (?, ?, ?, ?, ?, ?)",
        (str(command.id), command.model_dump_json(), seat, state, now(), sealed_password),
    )
    if state not in UNFINISHED:
        db.execute("UPDATE commands SET ended = received WHERE id = ?", (str(command.id),))


def take_seat(db: sqlite3.Connection, command: Command, seat: int) -> None:
    db.execute("INSERT OR IGNORE INTO seats (student) VALUES (?)", (seat,))
    if command.order is not None:
        db.execute("UPDATE seats SET generation = ?, sequence = ? WHERE student = ?", (*command.order, seat))
    if command.verb is Verb.CREATE:
        db.execute(
            "INSERT OR IGNORE INTO cleaned SELECT student, holder FROM seats WHERE student = ? AND holder <> ?",
            (command.student, command.registration),
        )
        db.execute(
            "UPDATE seats SET holder = ?, last_holder = ? WHERE student = ?",
            (command.registration, command.registration, command.student),
        )
    elif command.verb is Verb.PREPARE:
        _release(db, command.student)


def open_seat(db: sqlite3.Connection, command: Command, password_hash: str) -> None:
    """Only what a signed CREATE has deployed is compared with the api-db's seats: a listed peer's it does not know."""
    db.execute("UPDATE seats SET password_hash = ? WHERE student = ?", (password_hash, command.student))
    db.execute("DELETE FROM deployments WHERE student = ?", (command.student,))
    if command.generation is not None:
        db.execute("INSERT INTO deployments (student, generation) VALUES (?, ?)", (command.student, command.generation))


def leave_seats(db: sqlite3.Connection, command: Command) -> None:
    """The command's seats are nobody's, but for one that the CREATE of its next holder waits for."""
    filed = db.execute("SELECT student FROM commands WHERE id = ?", (str(command.id),)).fetchone()["student"]
    if command.registration is not None:
        db.execute("INSERT OR IGNORE INTO cleaned VALUES (?, ?)", (filed, command.registration))
    promised = set() if command.last is None else _promised(db)
    for student in command.students:
        if student not in promised:
            _leave_seat(db, student)


def _promised(db: sqlite3.Connection) -> set[int]:
    waiting = [Command.model_validate_json(row["body"]) for row in unfinished_rows(db, None)]
    return {command.student for command in waiting if command.verb is Verb.CREATE}


def _leave_seat(db: sqlite3.Connection, student: int) -> None:
    _release(db, student)
    db.execute("UPDATE seats SET password_hash = NULL WHERE student = ?", (student,))
    db.execute("DELETE FROM deployments WHERE student = ?", (student,))


def _release(db: sqlite3.Connection, student: int) -> None:
    db.execute(
        "INSERT OR IGNORE INTO cleaned SELECT student, holder FROM seats WHERE student = ? AND holder IS NOT NULL",
        (student,),
    )
    db.execute("UPDATE seats SET holder = NULL WHERE student = ?", (student,))


def read_state(db: sqlite3.Connection, command: UUID) -> CommandState:
    return CommandState(db.execute("SELECT state FROM commands WHERE id = ?", (str(command),)).fetchone()["state"])


def move(db: sqlite3.Connection, command: UUID, state: CommandState) -> bool:
    """Only from an unfinished state: a run that was superseded while it ended changes nothing."""
    moved = db.execute(
        "UPDATE commands SET state = ? WHERE id = ? AND state IN (?, ?)", (state, str(command), *UNFINISHED)
    )
    return moved.rowcount == 1


def end(db: sqlite3.Connection, command: UUID, state: CommandState) -> bool:
    if not move(db, command, state):
        return False
    db.execute("UPDATE commands SET ended = ? WHERE id = ?", (now(), str(command)))
    if state is not CommandState.DONE:
        db.execute("UPDATE commands SET sealed_password = NULL WHERE id = ?", (str(command),))
    return True


def unfinished_rows(db: sqlite3.Connection, student: int | None) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT * FROM commands WHERE state IN (?, ?) AND (? IS NULL OR student = ?) ORDER BY position",
        (*UNFINISHED, student, student),
    ).fetchall()


def has_reports_before(db: sqlite3.Connection, command: Command) -> bool:
    """Among what is unreported alone, which is little."""
    row = db.execute(
        "SELECT 1 FROM events e JOIN commands c ON c.id = e.command WHERE NOT e.reported"
        " AND c.position < (SELECT position FROM commands WHERE id = :id)"
        " AND json_extract(c.body, '$.student') <= :last"
        " AND coalesce(json_extract(c.body, '$.last'), json_extract(c.body, '$.student')) >= :first LIMIT 1",
        {"id": str(command.id), "first": command.students[0], "last": command.students[-1]},
    ).fetchone()
    return row is not None


def read_events(db: sqlite3.Connection, command: UUID, after: int) -> list[CommandEvent]:
    rows = db.execute("SELECT body FROM events WHERE command = ? AND number > ? ORDER BY number", (str(command), after))
    return [CommandEvent.model_validate_json(row["body"]) for row in rows]


def read_record(row: sqlite3.Row) -> CommandRecord:
    return CommandRecord.model_validate(
        {
            "command": json.loads(row["body"]),
            "state": row["state"],
            "received": row["received"],
            "ended": row["ended"],
            "completion": row["completion"],
        }
    )

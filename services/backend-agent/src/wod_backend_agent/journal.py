"""The agent's memory on disk: commands, their events, and who holds which seat."""

import sqlite3
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wod_backend_agent.completion_rows import LabInUse, read_labs_in_use
from wod_backend_agent.journal_incidents import IncidentJournal
from wod_backend_agent.journal_outputs import OutputJournal, add_output, forget_output
from wod_backend_agent.journal_prepared import PreparedJournal
from wod_backend_agent.journal_rows import (
    CommandRecord,
    HookResult,
    cleaned_before,
    end,
    has_reports_before,
    held_by_others,
    insert,
    leave_seats,
    move,
    now,
    open_seat,
    read_events,
    read_record,
    read_seat,
    read_state,
    ruling_seat,
    take_seat,
    unfinished_rows,
)
from wod_backend_agent.order import Ruling, SeatRecord, SeatsHeld, judge, supersedes
from wod_common.commands import Command, CommandState
from wod_common.events import FINAL, CommandEvent, EventType
from wod_common.heartbeat import MOST_LOGINS, SeatLogin
from wod_common.sealing import Sealer


@dataclass(frozen=True)
class Acceptance:
    """What became of a command that was handed in."""

    state: CommandState
    #: whether it is new and has to be run
    runs: bool
    #: the unfinished commands of the seat that it ends
    superseded: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class PendingReport:
    command: Command
    event: CommandEvent
    #: of a CREATE whose report of ``done`` has not been acknowledged
    sealed_password: str | None
    #: what the command has printed, with its last report
    output: str | None = None


class Journal(PreparedJournal, IncidentJournal, OutputJournal):
    """Commands, their reports and the seats."""

    async def accept(self, command: Command, sealed_password: str | None) -> Acceptance:
        """Takes a command in, or recognises it by its id. Raises NotTheHolder and SeatsHeld."""

        def work(db: sqlite3.Connection) -> Acceptance:
            known = db.execute("SELECT state FROM commands WHERE id = ?", (str(command.id),)).fetchone()
            if known:
                return Acceptance(CommandState(known["state"]), runs=False)
            ruled_by = ruling_seat(db, command)
            seat = ruled_by or command.student
            record = read_seat(db, seat) if ruled_by else SeatRecord(seat)
            if judge(command, record, cleaned_before=cleaned_before(db, command, seat)) is Ruling.OUTDATED:
                insert(db, command, seat, CommandState.SUPERSEDED, None)
                self._append(db, command.id, type=EventType.SUPERSEDED)
                return Acceptance(CommandState.SUPERSEDED, runs=False)
            _check_range(db, command)
            superseded = self._supersede_by(db, command, seat)
            if ruled_by:
                take_seat(db, command, seat)
            insert(db, command, seat, CommandState.ACCEPTED, sealed_password)
            self._append(db, command.id, type=EventType.ACCEPTED)
            return Acceptance(CommandState.ACCEPTED, runs=True, superseded=superseded)

        return await self._database.run(work)

    def _supersede_by(self, db: sqlite3.Connection, command: Command, seat: int) -> frozenset[UUID]:
        """One that runs is reported as superseded only when its processes have ended; see ``close_superseded``."""
        ended = set()
        for row in unfinished_rows(db, seat):
            older = Command.model_validate_json(row["body"])
            if not supersedes(command, older):
                continue
            ended.add(older.id)
            end(db, older.id, CommandState.SUPERSEDED)
            if row["state"] == CommandState.ACCEPTED:
                self._append(db, older.id, type=EventType.SUPERSEDED)
        return frozenset(ended)

    async def close_superseded(self, command: UUID | None = None) -> None:
        """Reports the end of a superseded command whose run has ended; of all such after a restart."""

        def work(db: sqlite3.Connection) -> None:
            rows = db.execute(
                "SELECT id FROM commands WHERE state = ? AND (? IS NULL OR id = ?)",
                (CommandState.SUPERSEDED, *[command and str(command)] * 2),
            ).fetchall()
            for row in rows:
                events = read_events(db, UUID(row["id"]), after=0)
                if all(event.type is not EventType.SUPERSEDED for event in events):
                    self._append(db, UUID(row["id"]), type=EventType.SUPERSEDED)

        await self._database.run(work)

    async def begin(self, command: UUID) -> bool:
        """False where the command has ended meanwhile; True again for a run that a crash has cut off."""

        def work(db: sqlite3.Connection) -> bool:
            forget_output(db, command)
            return move(db, command, CommandState.RUNNING)

        return await self._database.run(work)

    def note(self, command: UUID, step: str, percent: int, message: str, seconds: float | None = None) -> Future[None]:
        """Records a step; may be called from any thread. Dropped where the command has been superseded or has failed."""

        def work(db: sqlite3.Connection) -> None:
            if read_state(db, command) not in {CommandState.SUPERSEDED, CommandState.FAILED}:
                fields = {"step": step, "percent": percent, "message": message, "seconds": seconds}
                self._append(db, command, type=EventType.PROGRESS, **fields)

        return self._database.submit(work)

    async def finish_create(self, command: Command, password_hash: str, seconds: float) -> bool:
        """Opens the seat to its new password, in the same transaction. False where the command was superseded."""

        def work(db: sqlite3.Connection) -> bool:
            if not end(db, command.id, CommandState.DONE):
                return False
            open_seat(db, command, password_hash)
            self._append(db, command.id, type=EventType.DONE, seconds=seconds)
            return True

        return await self._database.run(work)

    async def finish_cleaning(self, command: Command, completion: int | None, seconds: float) -> bool:
        """The command's seats are nobody's from now on. False where it was superseded."""

        def work(db: sqlite3.Connection) -> bool:
            if not end(db, command.id, CommandState.DONE):
                return False
            leave_seats(db, command)
            self._append(db, command.id, type=EventType.DONE, seconds=seconds, completion=completion)
            return True

        return await self._database.run(work)

    async def fail(self, command: UUID, error: str, seconds: float) -> None:
        def work(db: sqlite3.Connection) -> None:
            if end(db, command, CommandState.FAILED):
                self._append(db, command, type=EventType.FAILED, error=error[:20_000], seconds=seconds)

        await self._database.run(work)

    async def remember_completion(self, command: UUID, completion: int | None) -> None:
        """Kept at once: a run after a crash finds a home that is already empty."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("UPDATE commands SET measured = 1, completion = ? WHERE id = ?", (completion, str(command)))

        await self._database.run(work)

    async def remembered_completion(self, command: UUID) -> tuple[bool, int | None]:
        """Whether it was measured, and the per cent."""

        def work(db: sqlite3.Connection) -> tuple[bool, int | None]:
            row = db.execute("SELECT measured, completion FROM commands WHERE id = ?", (str(command),)).fetchone()
            return bool(row["measured"]), row["completion"]

        return await self._database.run(work)

    async def keep_hook(self, command: UUID, result: HookResult) -> None:
        """In the place of what an earlier run of the command has left of it."""

        def work(db: sqlite3.Connection) -> None:
            row = (str(command), result.hook, result.model_dump_json())
            db.execute("INSERT OR REPLACE INTO hooks (command, hook, body) VALUES (?, ?, ?)", row)
            heading = f"HOOK [{result.hook}] {result.ended}, {result.seconds:.2f} s"
            add_output(db, command, f"{heading}\n{result.output}")

        await self._database.run(work)

    async def hooks(self, command: UUID) -> list[HookResult]:
        """In the order in which they have run."""

        def work(db: sqlite3.Connection) -> list[HookResult]:
            rows = db.execute("SELECT body FROM hooks WHERE command = ? ORDER BY rowid", (str(command),))
            return [HookResult.model_validate_json(row["body"]) for row in rows]

        return await self._database.run(work)

    async def reseal(self, sealer: Sealer) -> None:
        """All passwords under the secret that seals now, so that the one it is exchanged for can go."""

        def work(db: sqlite3.Connection) -> None:
            for table in ("commands", "prepared"):
                found = f"SELECT rowid, sealed_password FROM {table} WHERE sealed_password <> ''"  # noqa: S608 - of ours
                for rowid, sealed in db.execute(found).fetchall():
                    change = f"UPDATE {table} SET sealed_password = ? WHERE rowid = ?"  # noqa: S608 - of ours
                    db.execute(change, (sealer.reseal(sealed), rowid))

        await self._database.run(work)

    async def sealed_password(self, command: UUID) -> str | None:
        def work(db: sqlite3.Connection) -> str | None:
            row = db.execute("SELECT sealed_password FROM commands WHERE id = ?", (str(command),)).fetchone()
            return str(row[0]) if row and row[0] else None

        return await self._database.run(work)

    async def seat(self, student: int) -> SeatRecord:
        return await self._database.run(lambda db: read_seat(db, student))

    async def seat_of(self, command: Command) -> SeatRecord:
        """The seat that rules on the command; of an unknown registration's range an unknown one."""

        def work(db: sqlite3.Connection) -> SeatRecord:
            seat = ruling_seat(db, command)
            return read_seat(db, seat) if seat else SeatRecord(command.student)

        return await self._database.run(work)

    async def log_in(self, student: int, password_hash: str) -> bool:
        """Whether the seat is still open to that password; its first login is remembered."""

        def work(db: sqlite3.Connection) -> bool:
            row = db.execute("SELECT password_hash FROM seats WHERE student = ?", (student,)).fetchone()
            if row is None or row["password_hash"] != password_hash:
                return False
            db.execute(
                "UPDATE deployments SET first_login = ? WHERE student = ? AND first_login IS NULL", (now(), student)
            )
            return True

        return await self._database.run(work)

    async def first_logins(self) -> list[SeatLogin]:
        """Of deployed seats, the latest of them where there are more than one heartbeat carries."""

        def work(db: sqlite3.Connection) -> list[SeatLogin]:
            rows = db.execute(
                "SELECT * FROM deployments WHERE first_login IS NOT NULL ORDER BY first_login DESC LIMIT ?",
                (MOST_LOGINS,),
            )
            return [
                SeatLogin(
                    student=row["student"],
                    generation=row["generation"],
                    at=datetime.fromisoformat(row["first_login"]),
                )
                for row in rows
            ]

        return await self._database.run(work)

    async def labs_in_use(self) -> list[LabInUse]:
        return await self._database.run(read_labs_in_use)

    async def deployed(self) -> dict[int, int]:
        """Seats that a signed CREATE has deployed and nothing has cleaned or closed since, with their generation."""

        def work(db: sqlite3.Connection) -> dict[int, int]:
            return {row["student"]: row["generation"] for row in db.execute("SELECT * FROM deployments")}

        return await self._database.run(work)

    async def forget_deployment(self, student: int, generation: int) -> None:
        """The seat is closed; what is in it waits for its cleaning."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM deployments WHERE student = ? AND generation = ?", (student, generation))

        await self._database.run(work)

    async def password_hash(self, student: int) -> str | None:
        def work(db: sqlite3.Connection) -> str | None:
            row = db.execute("SELECT password_hash FROM seats WHERE student = ?", (student,)).fetchone()
            return str(row[0]) if row and row[0] else None

        return await self._database.run(work)

    async def close_login(self, student: int) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("UPDATE seats SET password_hash = NULL WHERE student = ?", (student,))

        await self._database.run(work)

    async def unfinished(self) -> list[Command]:
        """In order of arrival."""

        def work(db: sqlite3.Connection) -> list[Command]:
            return [Command.model_validate_json(row["body"]) for row in unfinished_rows(db, None)]

        return await self._database.run(work)

    async def ids(self) -> frozenset[UUID]:
        def work(db: sqlite3.Connection) -> frozenset[UUID]:
            return frozenset(UUID(row["id"]) for row in db.execute("SELECT id FROM commands"))

        return await self._database.run(work)

    async def latest(self, limit: int) -> list[CommandRecord]:
        def work(db: sqlite3.Connection) -> list[CommandRecord]:
            rows = db.execute("SELECT * FROM commands ORDER BY position DESC LIMIT ?", (limit,))
            return [read_record(row) for row in rows]

        return await self._database.run(work)

    async def find(self, command: UUID) -> CommandRecord | None:
        def work(db: sqlite3.Connection) -> CommandRecord | None:
            row = db.execute("SELECT * FROM commands WHERE id = ?", (str(command),)).fetchone()
            return read_record(row) if row else None

        return await self._database.run(work)

    async def events(self, command: UUID, after: int = 0) -> list[CommandEvent]:
        return await self._database.run(lambda db: read_events(db, command, after))

    async def unreported(self) -> list[UUID]:
        def work(db: sqlite3.Connection) -> list[UUID]:
            return [UUID(row[0]) for row in db.execute("SELECT DISTINCT command FROM events WHERE NOT reported")]

        return await self._database.run(work)

    async def has_reports_before(self, command: Command) -> bool:
        """Whether an earlier command of one of its seats has something to report."""
        return await self._database.run(lambda db: has_reports_before(db, command))

    async def next_report(self, command: UUID) -> PendingReport | None:
        def work(db: sqlite3.Connection) -> PendingReport | None:
            row = db.execute(
                "SELECT e.body AS event, c.body, c.sealed_password, o.text AS output"
                " FROM events e JOIN commands c ON c.id = e.command LEFT JOIN outputs o ON o.command = e.command"
                " WHERE e.command = ? AND NOT e.reported ORDER BY e.number LIMIT 1",
                (str(command),),
            ).fetchone()
            if row is None:
                return None
            event = CommandEvent.model_validate_json(row["event"])
            output = row["output"] if event.type in FINAL else None
            return PendingReport(Command.model_validate_json(row["body"]), event, row["sealed_password"], output)

        return await self._database.run(work)

    async def mark_reported(self, command: UUID, event: CommandEvent) -> None:
        """Erases the password and the output with the report that carried them."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("UPDATE events SET reported = 1 WHERE command = ? AND number = ?", (str(command), event.number))
            if event.type is EventType.DONE:
                db.execute("UPDATE commands SET sealed_password = NULL WHERE id = ?", (str(command),))
            if event.type in FINAL:
                forget_output(db, command)

        await self._database.run(work)

    async def probe(self) -> None:
        """Raises sqlite3.Error where nothing can be written."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM probe")
            db.execute("INSERT INTO probe VALUES (?)", (now(),))

        await self._database.run(work)

    def count_by_state(self) -> dict[str, int]:
        """Blocks for as long as the journal's thread is busy: milliseconds."""
        work = self._database.submit(
            lambda db: db.execute("SELECT state, count(*) FROM commands GROUP BY state").fetchall()
        )
        return {str(state): int(count) for state, count in work.result()}


def _check_range(db: sqlite3.Connection, command: Command) -> None:
    if command.last is not None and (held := held_by_others(db, command)):
        numbers = ", ".join(str(student) for student in held)
        raise SeatsHeld(
            f"the range {command.student},{command.last} is not reset: somebody holds student {numbers}; clean them first"
        )

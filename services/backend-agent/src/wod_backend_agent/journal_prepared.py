"""The journal's part about seats that are made ahead."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from wod_backend_agent.journal_base import JournalBase
from wod_backend_agent.journal_rows import end, open_seat
from wod_common.commands import Command, CommandState
from wod_common.events import EventType


@dataclass(frozen=True)
class PreparedSeat:
    """What a PREPARE has made, or has begun to make and what is not to be handed over: then ``version`` is empty."""

    command: UUID
    #: as asked, ``CHLG-`` or ``WKSHP-``
    workshop: str
    version: str
    #: a mark of each file as delivered, by path
    files: Mapping[str, str] = field(repr=False)
    sealed_password: str = field(repr=False)
    password_hash: str = field(repr=False)


class PreparedJournal(JournalBase):
    """A prepared seat's password is sealed, its hash is not in force, and no deployment is noted: nobody gets in."""

    async def prepared(self, student: int) -> PreparedSeat | None:
        def work(db: sqlite3.Connection) -> PreparedSeat | None:
            row = db.execute("SELECT * FROM prepared WHERE student = ?", (student,)).fetchone()
            return row and PreparedSeat(
                UUID(row["command"]),
                row["workshop"],
                row["version"],
                json.loads(row["files"]),
                row["sealed_password"],
                row["password_hash"],
            )

        return await self._database.run(work)

    async def begin_preparing(self, command: Command) -> None:
        """From here on something of the workshop may be in the seat, and whoever cleans it finds which."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM deployments WHERE student = ?", (command.student,))
            db.execute(
                "INSERT OR REPLACE INTO prepared (student, command, workshop) VALUES (?, ?, ?)",
                (command.student, str(command.id), command.workshop),
            )

        await self._database.run(work)

    async def spoil_prepared(self, student: int) -> None:
        """It is not handed over any more, whatever happens next."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("UPDATE prepared SET version = '', sealed_password = '' WHERE student = ?", (student,))

        await self._database.run(work)

    async def forget_prepared(self, student: int) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM prepared WHERE student = ?", (student,))

        await self._database.run(work)

    async def finish_prepare(
        self, command: Command, version: str, files: Mapping[str, str], password_hash: str, seconds: float
    ) -> bool:
        """The command's password becomes the seat's, and is in no report. False where the command was superseded."""

        def work(db: sqlite3.Connection) -> bool:
            if not end(db, command.id, CommandState.DONE):
                return False
            sealed = db.execute("SELECT sealed_password FROM commands WHERE id = ?", (str(command.id),)).fetchone()[0]
            db.execute("UPDATE commands SET sealed_password = NULL WHERE id = ?", (str(command.id),))
            db.execute(
                "UPDATE prepared SET version = ?, files = ?, sealed_password = ?, password_hash = ? WHERE student = ?",
                (version, json.dumps(dict(files)), sealed, password_hash, command.student),
            )
            self._append(db, command.id, type=EventType.DONE, seconds=seconds, content_version=version)
            return True

        return await self._database.run(work)

    async def hand_over(self, command: Command, prepared: PreparedSeat, seconds: float) -> bool:
        """The seat is open, with the password that it was made with. False where the command was superseded."""

        def work(db: sqlite3.Connection) -> bool:
            if not end(db, command.id, CommandState.DONE):
                return False
            db.execute(
                "UPDATE commands SET sealed_password = ? WHERE id = ?", (prepared.sealed_password, str(command.id))
            )
            open_seat(db, command, prepared.password_hash)
            db.execute("DELETE FROM prepared WHERE student = ?", (command.student,))
            self._append(db, command.id, type=EventType.DONE, seconds=seconds, content_version=prepared.version)
            return True

        return await self._database.run(work)

    async def finish_verification(
        self, command: Command, differences: Sequence[str], version: str | None, seconds: float
    ) -> bool:
        """``version`` is that of what is prepared in the seat. False where the command was superseded."""

        def work(db: sqlite3.Connection) -> bool:
            if not end(db, command.id, CommandState.DONE):
                return False
            told = {"differences": list(differences), "content_version": version}
            self._append(db, command.id, type=EventType.DONE, seconds=seconds, **told)
            return True

        return await self._database.run(work)

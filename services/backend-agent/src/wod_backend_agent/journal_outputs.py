"""The journal's part about what commands have printed, kept until it is reported."""

import sqlite3
from uuid import UUID

from wod_backend_agent.journal_base import JournalBase
from wod_backend_agent.journal_rows import read_state
from wod_backend_agent.printed import ending
from wod_common.commands import CommandState


class OutputJournal(JournalBase):
    async def keep_output(self, command: UUID, text: str) -> None:
        """Behind what the command has printed before. Secrets are masked in it already."""
        await self._database.run(lambda db: add_output(db, command, text))


def add_output(db: sqlite3.Connection, command: UUID, text: str) -> None:
    """Of a command that has ended meanwhile nobody will report it."""
    if read_state(db, command) is not CommandState.RUNNING:
        return
    row = db.execute("SELECT text FROM outputs WHERE command = ?", (str(command),)).fetchone()
    whole = f"{row['text']}\n{text}" if row else text
    db.execute("INSERT OR REPLACE INTO outputs (command, text) VALUES (?, ?)", (str(command), ending(whole)))


def forget_output(db: sqlite3.Connection, command: UUID) -> None:
    db.execute("DELETE FROM outputs WHERE command = ?", (str(command),))

"""What every part of the journal stands on: its file, and the events that it tells of."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from wod_backend_agent.database import Database
from wod_backend_agent.journal_rows import SCHEMA
from wod_common.events import CommandEvent


class JournalBase:
    """Every change is on the disk when its call returns; ``changed`` is called in the event loop after it, per command."""

    def __init__(self, path: Path, changed: Callable[[UUID], None]) -> None:
        self._database = Database(path, SCHEMA)
        self._changed = changed
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        self._database.close()

    def _append(self, db: sqlite3.Connection, command: UUID, **fields: Any) -> None:
        (last,) = db.execute("SELECT max(number) FROM events WHERE command = ?", (str(command),)).fetchone()
        event = CommandEvent(number=(last or 0) + 1, at=datetime.now(UTC), **fields)
        db.execute(
            "INSERT INTO events (command, number, body) VALUES (?, ?, ?)",
            (str(command), event.number, event.model_dump_json(exclude_none=True)),
        )
        # the loop is told here and reads after the commit: the journal's thread serves it in this order
        self._loop.call_soon_threadsafe(self._changed, command)

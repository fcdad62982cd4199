"""The journal's part about what the watchdog has seen and the api-db has not taken yet."""

import sqlite3
from typing import Final
from uuid import UUID

from wod_backend_agent.journal_base import JournalBase
from wod_common.incidents import Incident

#: What an api-db that is away for days finds when it is back: the latest ones.
MOST: Final = 1000


class IncidentJournal(JournalBase):
    async def keep_incident(self, incident: Incident) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO incidents (id, body) VALUES (?, ?)", (str(incident.id), incident.model_dump_json()))
            db.execute("DELETE FROM incidents WHERE position <= (SELECT max(position) FROM incidents) - ?", (MOST,))

        await self._database.run(work)

    async def next_incident(self) -> Incident | None:
        """The oldest one."""

        def work(db: sqlite3.Connection) -> Incident | None:
            row = db.execute("SELECT body FROM incidents ORDER BY position LIMIT 1").fetchone()
            return Incident.model_validate_json(row["body"]) if row else None

        return await self._database.run(work)

    async def forget_incident(self, incident: UUID) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM incidents WHERE id = ?", (str(incident),))

        await self._database.run(work)

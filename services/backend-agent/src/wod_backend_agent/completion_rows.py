"""What the journal knows of the labs that somebody works in."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from wod_common.commands import Command, Verb
from wod_common.heartbeat import SeatLogin

_DEPLOYED = """
    SELECT d.student, d.generation, d.first_login, (
        SELECT c.body FROM commands c
        WHERE c.student = d.student AND c.state = 'done' AND json_extract(c.body, '$.verb') = ?
        ORDER BY c.position DESC LIMIT 1
    ) AS body
    FROM deployments d WHERE d.first_login IS NOT NULL ORDER BY d.student
"""


@dataclass(frozen=True)
class LabInUse:
    """A deployed seat that somebody has signed in to, and the workshop in it, ``CHLG-`` or ``WKSHP-`` as asked for."""

    login: SeatLogin
    workshop: str


def read_labs_in_use(db: sqlite3.Connection) -> list[LabInUse]:
    """In the order of their numbers."""
    return [
        LabInUse(
            SeatLogin(
                student=row["student"],
                generation=row["generation"],
                at=datetime.fromisoformat(row["first_login"]),
            ),
            Command.model_validate_json(row["body"]).workshop,
        )
        for row in db.execute(_DEPLOYED, (Verb.CREATE,))
        if row["body"] is not None
    ]

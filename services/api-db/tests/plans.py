"""What the database does for every statement of a session: its plan with the rows it really read, at that very moment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

#: What has grown when the platform has been used for long.
HISTORY = frozenset(
    {"registrations", "registration_events", "commands", "command_events", "mails", "pgqueuer", "pgqueuer_log"}
)
_EXPLAINED = ("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")


@dataclass(frozen=True)
class Node:
    """A step of a plan that reads rows of a table, over all its loops."""

    table: str
    kind: str
    #: those that its condition has thrown away included
    rows: float

    @property
    def scans_history(self) -> bool:
        return self.kind == "Seq Scan" and self.table in HISTORY


@dataclass(frozen=True)
class Explained:
    statement: str
    nodes: tuple[Node, ...]

    @property
    def rows(self) -> float:
        return max((node.rows for node in self.nodes), default=0.0)

    @property
    def summary(self) -> str:
        """Its first words, and the tables that it reads."""
        tables = ", ".join(sorted({node.table for node in self.nodes}))
        return f"{' '.join(self.statement.split())[:40]}… ({tables})"


@contextmanager
def explained(engine: AsyncEngine) -> Iterator[list[Explained]]:
    """Every statement is run twice: first under EXPLAIN, of which nothing stays."""
    found: list[Explained] = []

    def explain(
        connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if many or not statement.lstrip().startswith(_EXPLAINED):
            return
        cursor = connection.connection.cursor()
        cursor.execute("SAVEPOINT explaining")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        [[answer]] = cursor.fetchall()
        cursor.execute("ROLLBACK TO SAVEPOINT explaining")
        cursor.close()
        plan = json.loads(answer) if isinstance(answer, str) else answer
        found.append(Explained(statement, tuple(_nodes(plan[0]["Plan"]))))

    event.listen(engine.sync_engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", explain)


def _nodes(plan: dict[str, Any]) -> Iterator[Node]:
    if "Relation Name" in plan and "Scan" in plan["Node Type"]:
        thrown = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        rows = (plan["Actual Rows"] + thrown) * plan["Actual Loops"]
        yield Node(plan["Relation Name"], plan["Node Type"], rows)
    for child in plan.get("Plans", ()):
        yield from _nodes(child)

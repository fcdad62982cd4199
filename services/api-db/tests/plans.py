"""What the database does for every statement of a session: its plan with the rows it really read, at that very moment."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from wod_api_db.db import at_once

#: What has grown when the platform has been used for long.
HISTORY = frozenset(
    {"registrations", "registration_events", "commands", "command_events", "mails", "pgqueuer", "pgqueuer_log"}
)
_TELLING = (
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_nested_statements = on",
    "auto_explain.log_format = 'json'",
    "auto_explain.log_level = 'notice'",
)


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


@asynccontextmanager
async def explained(engine: AsyncEngine) -> AsyncIterator[list[Explained]]:
    """Those inside of functions and of foreign keys too: PostgreSQL's auto_explain tells of each as it runs."""
    found: list[Explained] = []

    def take(_: object, message: Any) -> None:
        _, plan, document = message.message.partition("plan:\n")
        if plan:
            told = json.loads(document)
            found.append(Explained(told["Query Text"], tuple(_nodes(told["Plan"]))))

    def listen(connection: Any, _record: object) -> None:
        connection.driver_connection.add_log_listener(take)

    event.listen(engine.sync_engine, "connect", listen)
    await _set(engine, *(f"SET {setting}" for setting in _TELLING))
    try:
        yield found
    finally:
        event.remove(engine.sync_engine, "connect", listen)
        await _set(engine, "RESET ALL")


async def _set(engine: AsyncEngine, *changes: str) -> None:
    """For every connection from now on."""
    async with at_once(engine).connect() as connection:
        for change in changes:
            await connection.exec_driver_sql(f'ALTER DATABASE "{engine.url.database}" {change}')
    await engine.dispose()


def _nodes(plan: dict[str, Any]) -> Iterator[Node]:
    # what the driver asks of the catalogues when it meets a type has nothing to do with us
    if not plan.get("Relation Name", "pg_").startswith("pg_") and "Scan" in plan["Node Type"]:
        thrown = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        rows = (plan["Actual Rows"] + thrown) * plan["Actual Loops"]
        yield Node(plan["Relation Name"], plan["Node Type"], rows)
    for child in plan.get("Plans", ()):
        yield from _nodes(child)

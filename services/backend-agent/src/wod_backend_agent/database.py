"""SQLite from one thread of its own: the event loop never waits for the disk, and writes need no lock."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]


class Database:
    """Work is done in the order in which it is handed over; each piece is one transaction."""

    def __init__(self, path: Path, schema: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._connection = self._thread.submit(_connect, path, schema).result()

    def submit(self, work: Work[Result]) -> Future[Result]:
        """May be called from any thread. The future holds the result once it is on the disk."""
        return self._thread.submit(self._transact, work)

    async def run(self, work: Work[Result]) -> Result:
        return await asyncio.wrap_future(self.submit(work))

    def close(self) -> None:
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _transact(self, work: Work[Result]) -> Result:
        self._connection.execute("BEGIN IMMEDIATE")
        # leaving the block commits, or rolls back whatever was raised
        with self._connection:
            return work(self._connection)


def _connect(path: Path, schema: str) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    # a commit returns after fsync: an accepted command survives a power cut
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.executescript(schema)
    return connection

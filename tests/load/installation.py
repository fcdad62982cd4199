"""A database with its own api-db and worker processes, and what they take of the processor."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import httpx
from api_support import seed_of, settings_for, write_workshop
from history import fill

from wod_api_db.db import make_engine, make_sessions
from wod_api_db.migrating import migrate
from wod_api_db.seeding import seed
from wod_api_db.settings import Settings
from wod_common.tokens import generate_private_pem
from wod_demo.ports import free_port
from wod_demo.postgres import Postgres

HOT = "WKSHP-Hot"
SPREAD = tuple(f"WKSHP-Spread{number}" for number in range(1, 21))
#: for all registrations of a round
HOT_SEATS = 160
SPREAD_SEATS = 8
_READY_LIMIT = 60.0  # seconds

#: Everybody leaves at once, without a trace in the queue: the next round begins like this one.
_LEAVE = """
UPDATE commands SET state = 'done', finished_at = now() WHERE state IN ('queued', 'sent', 'accepted', 'running');
UPDATE mails SET state = 'sent', sent_at = now() WHERE state IN ('queued', 'sending');
UPDATE registrations SET state = 'ended', ended_at = now(), cleaned_at = now()
    WHERE cleaned_at IS NULL AND student_id IS NOT NULL;
UPDATE students SET state = 'free' WHERE state <> 'free';
DELETE FROM pgqueuer;
"""


class Installation:
    """``name`` is its database's, too."""

    def __init__(self, name: str, postgres: Postgres, folder: Path) -> None:
        self.name = name
        self.port = free_port()
        key = folder / f"{name}.pem"
        key.write_text(generate_private_pem())
        self.settings: Settings = settings_for(postgres.url.replace("/postgres", f"/{name}"), key, port=self.port)
        self.engine = make_engine(self.settings, pool_size=2)
        self.sessions = make_sessions(self.engine)
        self._postgres = postgres
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    async def make(self, ended: int) -> None:
        connection = await asyncpg.connect(self._postgres.url)
        await connection.execute(f"CREATE DATABASE {self.name}")
        await connection.close()
        await migrate(self.settings)
        notebooks = self._folder / f"{self.name}-notebooks"
        write_workshop(notebooks, HOT, capacity=HOT_SEATS, first=1, last=HOT_SEATS)
        for number, name in enumerate(SPREAD):
            first = HOT_SEATS + number * SPREAD_SEATS + 1
            write_workshop(notebooks, name, capacity=SPREAD_SEATS, first=first, last=first + SPREAD_SEATS - 1)
        await seed(self.settings, seed_of(notebooks, HOT_SEATS + len(SPREAD) * SPREAD_SEATS))
        await fill(self.settings.plain_database_url, ended)

    def start(self, module: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "WOD_API_DATABASE_URL": self.settings.plain_database_url,
            "WOD_API_SECRET": self.settings.secret.get_secret_value(),
            "WOD_API_COMMAND_KEY": str(self.settings.command_key),
            "WOD_API_PORT": str(self.port),
            "WOD_API_REGISTRATIONS_PER_MINUTE": "1000000",  # they all come from one address
        }
        log = (self._folder / f"{self.name}.log").open("ab")
        self._processes.append(
            subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=log, stderr=log)
        )

    async def answers(self) -> None:  # poll: the api-db is another process
        deadline = time.monotonic() + _READY_LIMIT
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < deadline:
                try:
                    if (await client.get(f"http://127.0.0.1:{self.port}/healthz")).is_success:
                        return
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
        raise RuntimeError(f"the api-db of {self.name} did not answer; its log is in {self._folder}")

    async def change(self, statement: str) -> None:
        connection = await asyncpg.connect(self.settings.plain_database_url)
        await connection.execute(statement)
        await connection.close()

    async def leave(self) -> None:
        await self.change(_LEAVE)

    async def cpu_seconds(self) -> float:
        """Of its processes and of their connections' back ends, so far."""
        connection = await asyncpg.connect(self._postgres.url)
        query = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'"
        backends = [row["pid"] for row in await connection.fetch(query, self.name)]
        await connection.close()
        return sum(map(_on_cpu, [*backends, *(process.pid for process in self._processes)]))

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)
        self._processes.clear()


def _on_cpu(pid: int) -> float:
    """Of all its threads, to the nanosecond: the clock's ticks of 10 ms are too coarse here."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9

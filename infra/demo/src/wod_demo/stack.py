"""The whole platform as one object: for ``python -m wod_demo`` and for tests.

stack = Stack(DemoSettings(directory=tmp_path / "demo", notebooks=(Path("notebooks"),), seats=10))
await stack.start()
"""

import asyncio
import email
import email.policy
import json
import os
import time
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path

import httpx

from wod_demo.leftovers import end_leftovers
from wod_demo.postgres import Postgres, PostgresFailed
from wod_demo.services import ADMIN, Table, isolated, url
from wod_demo.settings import HOST, DemoSettings
from wod_demo.state import State, write_private_json
from wod_demo.supervisor import Quiet, Reporter, Service, Supervisor, ended, log_path, spawn

START_LIMIT = 120.0  # seconds; the first start on a busy machine with two cores takes a quarter of that
DEATHS_LIMIT = 4  # of one service before the start is given up
PROBE_PAUSE = 0.1  # seconds
LOG_LINES = 15  # shown of the log of what failed


class StartFailed(RuntimeError):
    """A service did not come up; the message ends with its log."""


class Stack:
    """``start`` raises SettingsWrong, FolderRefused, PostgresFailed or StartFailed; ``stop`` may always follow."""

    def __init__(self, settings: DemoSettings, reporter: Reporter | None = None) -> None:
        self.settings = settings
        self.state = State(settings.directory)
        self.supervisor = Supervisor(self.state.logs, reporter)
        self.first_start = False
        self._reporter = reporter or Quiet()
        self._resources = ExitStack()

    @property
    def urls(self) -> dict[str, str]:
        names = ("portal", "api", "hub", "agent", "mailbox")
        return {name: url(getattr(self.settings.ports, name)) for name in names}

    @property
    def isolated(self) -> bool:
        """Whether each student has a uid."""
        return isolated(self.state.homes)

    def pid(self, service: str) -> int | None:
        return self.supervisor.pid(service)

    def kill(self, service: str) -> None:
        self.supervisor.kill(service)

    def mails(self) -> list[EmailMessage]:
        """What the mail catcher has, oldest first."""
        files = sorted((self.state.mail / "new").iterdir(), key=lambda path: path.name)
        parsed = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]
        return [message for message in parsed if isinstance(message, EmailMessage)]

    async def start(self) -> None:
        """Returns when every service says that it can do its work."""
        self._resources.enter_context(self.state.held())
        self._resources.callback(self._leave)
        end_leftovers(*self.state.workplaces)  # of a launcher that was killed
        self.settings.ports.refuse_taken(*(["pg"] if self.settings.database_url else []))
        self.state.ready.unlink(missing_ok=True)
        table = self._table()
        tasks = (
            self._start_api(table),
            *(self._bring_up(row()) for row in (table.mailbox, table.hub, table.agent, table.mailgate, table.portal)),
        )
        try:
            async with asyncio.timeout(START_LIMIT), asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(task)
        except TimeoutError as late:
            raise StartFailed(f"not all services were ready within {START_LIMIT:.0f} s") from late
        except BaseExceptionGroup as group:
            raise _reason(group) from group
        self._announce(table)

    async def stop(self) -> None:
        """Stops all in reverse order, within 15 seconds."""
        await self.supervisor.stop()
        self._resources.close()

    def _leave(self) -> None:
        self.state.ready.unlink(missing_ok=True)
        end_leftovers(*self.state.workplaces)

    def _table(self) -> Table:
        settings = self.settings
        secrets = self.state.secrets()
        self.state.command_keys_made()
        postgres = None
        if settings.database_url is None:
            postgres = Postgres(self.state.root / "postgres" / "data", settings.ports.pg, secrets.database)
        table = Table(settings, self.state, secrets, postgres)
        write_private_json(self.state.root / "seed.json", table.seed())
        return table

    async def _start_api(self, table: Table) -> None:
        """The database, its schema, what it must know of this machine, and those that live of it."""
        database = await asyncio.to_thread(table.database)
        if database is not None and table.postgres is not None:
            self.supervisor.start([database])
            began = time.monotonic()
            while not await asyncio.to_thread(table.postgres.answers):
                self._give_up_on(database)
            self._reporter.step("postgres", "ready", f"{time.monotonic() - began:.1f} s")
        await self._run(table.api_task("migrate"))
        await self._run(table.api_task("seed", str(self.state.root / "seed.json")))
        self.supervisor.start([table.worker()])
        await self._bring_up(table.api_db())
        self._reporter.step("worker", "ready", "as the api-db says")

    async def _run(self, task: Service) -> None:
        self._reporter.step(task.name, "started")
        process = spawn(task, self.state.logs)
        try:
            code = await ended(process)
        finally:
            process.kill()
            process.wait()
        if code != 0:
            raise StartFailed(f"{task.name} ended with code {code}; {self._log_end(task.name)}")
        self._reporter.step(task.name, "ready")

    async def _bring_up(self, service: Service) -> None:
        assert service.ready is not None
        began = time.monotonic()
        self.supervisor.start([service])
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            while not await _answers(client, service.ready):
                self._give_up_on(service)
                await asyncio.sleep(PROBE_PAUSE)
        self._reporter.step(service.name, "ready", f"{time.monotonic() - began:.1f} s")

    def _give_up_on(self, service: Service) -> None:
        """Raises StartFailed for a service that dies again and again."""
        deaths = self.supervisor.deaths[service.name]
        if deaths >= DEATHS_LIMIT:
            raise StartFailed(f"{service.name} ended {deaths} times; {self._log_end(service.name)}")

    def _log_end(self, name: str) -> str:
        path = log_path(self.state.logs, name)
        lines = path.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "\n".join([f"its log {path} ends:", *lines])

    def _announce(self, table: Table) -> None:
        # only now: after a start that failed the next is the first again, and shows the password
        self.first_start = not self.state.admin.exists()
        write_private_json(self.state.admin, {"username": ADMIN, "password": table.secrets.admin_password})
        gate = {"host": HOST, "port": self.settings.ports.mailgate}
        document: dict[str, object] = {**self.urls, "mailgate": gate, "pid": os.getpid(), "isolated": self.isolated}
        new = Path(f"{self.state.ready}.new")
        new.write_text(json.dumps(document, indent=2) + "\n")
        new.replace(self.state.ready)


def _reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure that names its reason; all of them where none does."""
    found: BaseException | None = group.subgroup((PostgresFailed, StartFailed))
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found or group


async def _answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(address)).is_success
    except httpx.TransportError:
        return False

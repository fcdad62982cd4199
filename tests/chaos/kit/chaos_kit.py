"""Ways to hurt the running platform at a chosen moment, and to judge afterwards what it has made of it."""

import asyncio
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
from visitor import PATIENCE, Platform, text_of, until

from wod_backend_agent.delivery.base import RUN_MARKER
from wod_common.commands import Command, CommandState, Verb
from wod_jupyterhub.testing import Browser

KILLS, LATE, BURST, HUB = "WKSHP-Kills", "WKSHP-Late", "WKSHP-Burst", "WKSHP-Hub"
#: first and last seat of each
RANGES = {KILLS: (1, 12), LATE: (21, 21), BURST: (31, 40), HUB: (51, 51)}
SEATS = 60
TICK = 0.002  # seconds
#: Typical are 10 to 30 s: a lease ends after 12, a worker waits 10 for a silent server. But a mail or a command may be
#: tried again after a minute, and one that was not confirmed after two; later than that it counts as lost.
RECOVERY = 200.0  # seconds
#: What a student's server writes into the home by itself.
SERVERS_OWN = {".cache", ".ipython", ".local", ".npm"}
T = TypeVar("T")


async def caught(  # poll: a moment of some milliseconds
    look: Callable[[], T | None], what: str, patience: float = PATIENCE
) -> T:
    """As ``until``, at the pace of moments that pass."""
    deadline = time.monotonic() + patience
    while (found := look()) is None or found is False:
        assert time.monotonic() < deadline, f"{what} did not come within {patience:.0f} s"
        await asyncio.sleep(TICK)
    return found


@dataclass(frozen=True)
class Guest:
    email: str
    token: str
    #: time.monotonic()
    registered: float

    @property
    def registration(self) -> int:
        return int(self.token.partition("-")[0])


#: Registers the address, and kills somebody at the moment that gives the function its name.
Moment = Callable[["Chaos", str], Awaitable[Guest]]


@dataclass(frozen=True)
class Journalled:
    command: Command
    state: CommandState
    #: whether the api-db has acknowledged every report
    reported: bool


@dataclass(frozen=True)
class Recovery:
    """From the registration to the credentials, and how often they came."""

    what: str
    seconds: float
    copies: int


class Chaos:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.stack = platform.stack
        self.recoveries: list[Recovery] = []

    async def register(self, workshop: str, email: str) -> Guest:
        began = time.monotonic()
        return Guest(email, await self.platform.register(workshop, email), began)

    @contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """The process stands still, as it is at this moment; it may be killed meanwhile."""
        pid = self.stack.pid(service)
        assert pid is not None, f"{service} does not run"
        process = psutil.Process(pid)
        process.suspend()
        try:
            yield
        finally:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    async def kill(self, service: str) -> None:
        """Returns when the process is gone; its successor starts a third of a second later."""
        deaths = self.stack.supervisor.deaths[service]
        self.stack.kill(service)
        await caught(lambda: self.stack.supervisor.deaths[service] > deaths, f"the death of {service}")

    @asynccontextmanager
    async def away(self, service: str) -> AsyncIterator[None]:
        """Killed again at every start, before it listens; who calls it is refused."""
        await self.kill(service)
        killing = asyncio.create_task(self._keep_killing(service))
        try:
            yield
        finally:
            killing.cancel()

    async def _keep_killing(self, service: str) -> None:  # poll: a start takes it a second
        while True:
            self.stack.kill(service)
            await asyncio.sleep(0.05)

    def journal(self, registration: int, verb: Verb) -> Journalled | None:
        """The registration's command as it stands on the agent's disk."""
        path = self.stack.state.root / "agent" / "journal.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            row = db.execute(
                "SELECT body, state, NOT EXISTS (SELECT 1 FROM events e WHERE e.command = c.id AND NOT e.reported)"
                " FROM commands c WHERE body ->> 'registration' = ? AND body ->> 'verb' = ?"
                " ORDER BY position DESC LIMIT 1",
                (registration, verb),
            ).fetchone()
        return row and Journalled(Command.model_validate_json(row[0]), CommandState(row[1]), bool(row[2]))

    def in_journal(self, guest: Guest, verb: Verb, *states: CommandState) -> Command | None:
        found = self.journal(guest.registration, verb)
        return found.command if found and (not states or found.state in states) else None

    async def create_of(self, guest: Guest) -> Command:
        """At the moment when the agent has it on its disk."""
        return await caught(lambda: self.in_journal(guest, Verb.CREATE), "the CREATE in the agent's journal")

    def letters(self, email: str, subject: str = "ready") -> list[EmailMessage]:
        """The mails to the address whose subject has the word, every copy."""
        return [mail for mail in self.stack.mails() if email in mail["To"] and subject in mail["Subject"].lower()]

    async def copies(self, email: str, subject: str = "ready") -> int:
        """Waits for the mail. However often it came, it is one: the same id, the same text."""
        try:
            await until(partial(self._arrived, email, subject), f"a mail with {subject!r} to {email}", RECOVERY)
        except AssertionError as error:
            raise AssertionError(f"{error}; {await self.standing(email)}") from error
        letters = self.letters(email, subject)
        assert len({letter["Message-ID"] for letter in letters}) == 1
        assert len({text_of(letter) for letter in letters}) == 1
        return len(letters)

    async def _arrived(self, email: str, subject: str) -> bool | None:
        return bool(self.letters(email, subject)) or None

    async def standing(self, email: str) -> str:
        """Where the address's registrations, commands and mails are: what a failed test has to say."""
        rows = [row for row in await self.platform.operator("registrations") if row["email"] == email]
        commands = [await self.platform.operator("commands", registration=row["id"]) for row in rows]
        return f"{rows=} {commands=} mails={await self.platform.operator('mails', recipient=email)}"

    async def credentials(self, guest: Guest, what: str = "") -> tuple[str, str]:
        """User name and password; ``what`` befell the guest is for the table."""
        copies = await self.copies(guest.email)
        if what:
            self.recoveries.append(Recovery(what, time.monotonic() - guest.registered, copies))
        return await self.platform.credentials(guest.email)

    async def sent(self, guest: Guest) -> dict[str, Any] | None:
        """The registration's command, once the api-db knows that the gate has taken it."""
        rows = await self.platform.operator("commands", registration=guest.registration)
        return rows[0] if rows[0]["sent_at"] else None

    @asynccontextmanager
    async def signed_in(self, username: str, password: str) -> AsyncIterator[Browser]:
        browser = Browser(self.platform.urls["hub"], username)
        answer = await browser.sign_in(password)
        try:
            assert answer.status_code == httpx.codes.FOUND, answer.text
            yield browser
        finally:
            await browser.close()

    def tree(self, username: str, password: str) -> dict[str, tuple[str, str]]:
        """Mode and content of all that was delivered, with the person's own words taken out."""
        home = self.platform.home(username)
        return {
            name: (oct(path.lstat().st_mode), digest(path, username, password))
            for path in sorted(home.rglob("*"))
            if (name := str(path.relative_to(home))).partition("/")[0] not in SERVERS_OWN
        }


def digest(path: Path, username: str, password: str) -> str:
    if path.is_symlink() or not path.is_file():
        return str(path.readlink()) if path.is_symlink() else ""
    content = path.read_bytes().replace(username.encode(), b"<student>").replace(password.encode(), b"<password>")
    return hashlib.sha256(content).hexdigest()


def marked(run: Command | str) -> list[psutil.Process]:
    """The processes of the command, or of a run of Ansible by its folder's name, wherever they have gone."""
    mark = str(run.id) if isinstance(run, Command) else run
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(RUN_MARKER) == mark:
                found.append(process)
    return found


def halted(run: Command) -> list[psutil.Process]:
    """The processes of the command, which stand still from now on: a run takes less time than killing its agent."""
    found = marked(run)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    return found


def unread(port: int) -> bool:
    """Whether somebody's words wait at the local port for its owner, who stands still."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if int(local.partition(":")[2], 16) == port and state == "01" and int(queues.partition(":")[2], 16):
            return True
    return False


def make_content(folder: Path, template: Path) -> None:
    """A workshop for every kind of trouble, each with seats of its own."""
    for name, (first, last) in RANGES.items():
        workshop = folder / name
        (workshop / "data").mkdir(parents=True)
        shutil.copy(template / "0-ReadMeFirst.ipynb", workshop)
        (workshop / "connect.env").write_text("SEAT=student{{ STDID }}\nPASSWORD={{ PASSSTU }}\n")
        (workshop / "check.sh").write_text("#!/bin/sh\necho student{{ STDID }}\n")
        (workshop / "check.sh").chmod(0o755)
        (workshop / "data" / "noise.bin").write_bytes(os.urandom(50_000))
        changed = {"range": f"[{first}, {last}]", "capacity": str(last - first + 1), "varpass": "true"}
        lines = (template / "wod.yml").read_text().splitlines()
        text = [f"{key}: {changed[key]}" if (key := line.partition(":")[0]) in changed else line for line in lines]
        (workshop / "wod.yml").write_text("\n".join(text) + "\n")


async def lab_answers(browser: Browser) -> httpx.Response | None:
    answer = await browser.open_lab()
    return answer if answer.status_code == httpx.codes.OK and "/lab" in answer.url.path else None

"""What the stateful test drives: the service over HTTP, two workers, and an agent and a relay that misbehave."""

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import httpx
from api_support import ADMIN, AGENT, Api
from classes_support import Teacher, pass_time
from sqlalchemy import text

from wod_api_db.commands import repository as commands
from wod_api_db.commands.sending import CommandSender
from wod_api_db.mail import delivering
from wod_api_db.mail.delivering import MailSender
from wod_api_db.mail.sending import PermanentMailFailure, Relay, TemporaryMailFailure
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep
from wod_common.commands import Command, Verb
from wod_common.tokens import TOKEN_HEADER, CommandVerifier

SECOND_LOCATION = """
INSERT INTO locations (id, name, fqdn, basestdid, seats, gate_host, gate_port, hub_url)
VALUES (2, 'Lyon', 'lyon.test', 2000, 3, '127.0.0.1', 1, 'http://hub.lyon.test');
INSERT INTO students (id, location_id, number) SELECT 2000 + n, 2, n FROM generate_series(1, 3) AS n;
INSERT INTO placements (workshop_id, location_id, first_seat, last_seat, capacity, rank) VALUES (1, 2, 1, 3, 2, 1);
INSERT INTO accounts (username, email, password_hash, role, location_id)
SELECT 'agent-2', '', password_hash, 'agent', 2 FROM accounts WHERE username = 'agent-1'
"""
ANEW = """
TRUNCATE registrations, registration_events, commands, command_events, mails, notices, badges, pgqueuer, pauses,
    classes, class_invitations CASCADE;
UPDATE students SET state = 'free', generation = 0, sequence = 0, sealed_password = NULL,
    prepared_placement_id = NULL, prepared_version = NULL, prepared_at = NULL;
UPDATE placements SET first_seat = 1, last_seat = 3, capacity = 4 - location_id, reset_range = false,
    range_reset = NULL, closed_at = NULL, ready_minimum = 0, ready_maximum = 0, ready_failures = 0, ready_retry_at = NULL;
UPDATE workshops SET reset = false, no_show = interval '30 minutes', extensions = 1, content_version = 'one';
UPDATE locations SET drained_at = NULL
"""


@dataclass(frozen=True)
class Report:
    """On its way to the api-db."""

    command: UUID
    location: int
    body: dict[str, Any]


@dataclass
class Seat:
    """What an agent's journal holds of a seat."""

    order: tuple[int, int] = (0, 0)
    holder: int | None = None
    password: str | None = None
    is_prepared: bool = False
    running: Command | None = None


@dataclass
class Agents:
    """Both locations' agents: newer orders supersede, older ones touch nothing, reports go out numbered."""

    seats: dict[tuple[int, int], Seat] = field(default_factory=lambda: defaultdict(Seat))
    reports: list[Report] = field(default_factory=list)
    known: dict[UUID, Command] = field(default_factory=dict)
    numbers: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    passwords: int = 0

    def take(self, command: Command) -> None:
        if command.id in self.known:
            return
        self.known[command.id] = command
        seat = self._seat(command)
        order = command.order
        assert order is not None
        if order <= seat.order:
            self._report(command, "superseded")
            return
        if seat.running is not None:
            self._report(seat.running, "superseded")
        seat.order, seat.running = order, command
        self._report(command, "accepted")

    def go_on(self, command: Command) -> None:
        self._report(command, "progress", step="deliver", percent=50)

    def finish(self, command: Command, *, well: bool) -> None:
        seat = self._seat(command)
        assert seat.running is command
        seat.running = None
        if not well:
            self._report(command, "failed", error="the disk is full")
        elif command.verb is Verb.CREATE:
            self.passwords += 1
            seat.holder, seat.password = command.registration, f"password-{self.passwords:04d}"
            seat.is_prepared = False
            self._report(command, "done", password=seat.password)
        elif command.verb in {Verb.PREPARE, Verb.VERIFY}:
            seat.is_prepared = seat.is_prepared or command.verb is Verb.PREPARE
            self._report(command, "done", **({"content_version": "one"} if seat.is_prepared else {}))
        else:
            seat.password, seat.is_prepared = None, False
            self._report(command, "done")

    def running(self) -> list[Command]:
        return [seat.running for seat in self.seats.values() if seat.running is not None]

    def opens(self, location: int, student: int, registration: int, password: str) -> bool:
        seat = self.seats[location, student]
        return seat.holder == registration and seat.password == password

    def _seat(self, command: Command) -> Seat:
        """A whole range is reset by its holder's command: its order is what counts."""
        return self.seats[command.location, command.student]

    def _report(self, command: Command, kind: str, **data: Any) -> None:
        self.numbers[command.id] += 1
        body = {"number": self.numbers[command.id], "at": "2026-11-23T10:00:00Z", "type": kind} | data
        self.reports.append(Report(command.id, command.location, body))


class Mailbox(Relay):
    """The visitors' relay. ``mood`` is what it does with the next messages."""

    def __init__(self) -> None:
        self.mood = "takes"
        self.taken: list[EmailMessage] = []

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        if self.mood == "is away":
            raise TemporaryMailFailure("connection refused")
        if self.mood == "refuses":
            raise PermanentMailFailure("no such mailbox", 550)
        self.taken.append(message)
        if self.mood == "takes and hangs up":
            raise TemporaryMailFailure("connection lost")


class Gate(Relay):
    """The gates of both locations; what they take waits for the agents."""

    def __init__(self, settings: Settings) -> None:
        keys = json.dumps(settings.signer.jwks())
        self._verifiers = [CommandVerifier.from_jwks(keys, location) for location in (1, 2)]
        self.away = False
        self.inbox: list[Command] = []

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        if self.away:
            raise TemporaryMailFailure("the agent cannot be reached", 451)
        location = 1 if "grenoble" in recipient else 2
        self.inbox.append(self._verifiers[location - 1].verify(message[TOKEN_HEADER]))


class Sender(CommandSender):
    """With the gates above at the other end."""

    def __init__(self, world: "World") -> None:
        super().__init__(world.api.sessions, world.settings)
        self._gate = world.gate

    def relay_to(self, host: str, port: int) -> Relay:
        return self._gate


class World:
    """Everything at once, with helpers that the rules are written in."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self.api = api
        self.settings = settings
        self.headers: dict[int, dict[str, str]] = {}
        self.operator: dict[str, str] = {}

    async def prepare(self) -> None:
        await self._script(SECOND_LOCATION)
        self.operator = await self.api.login(ADMIN)
        self.teacher = await Teacher.of(self.api)
        for location in (1, 2):
            self.headers[location] = await self.api.login(AGENT | {"username": f"agent-{location}"})

    async def begin(self) -> None:
        await self._script(ANEW)
        self.agents = Agents()
        self.mailbox = Mailbox()
        self.gate = Gate(self.settings)
        self.tokens: list[str] = []
        self.browser_keys: dict[str, str] = {}
        self.classes: list[int] = []

    async def _script(self, statements: str) -> None:
        async with self.api.sessions.begin() as session:
            for statement in statements.split(";"):
                await session.execute(text(statement))

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return _not_ours(await self.api.http.post(path, **more))

    def remember(self, registered: httpx.Response) -> None:
        """What his browser does."""
        token = registered.json()["token"]
        self.tokens.append(token)
        self.browser_keys[token] = registered.json()["browser_key"]

    async def teach(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        return _not_ours(await self.teacher.call(method, path, **more))

    async def roster(self, class_id: int, lines: str) -> httpx.Response:
        return _not_ours(await self.teacher.roster(class_id, lines))

    async def operate(self, method: str, path: str, **more: Any) -> httpx.Response:
        return _not_ours(await self.api.http.request(method, path, headers=self.operator, **more))

    async def time_passes(self, by: timedelta) -> None:
        """For classes and for sessions alike: who was gone before a class begins is gone before it."""
        await pass_time(self.api, by)
        self.mailbox.taken.clear()  # sent once more, a mail would name other times
        names = ("no_show_at", "stuck_at", "offer_ends_at", "wait_ends_at")
        moved = ", ".join(f"{name} = {name} - CAST(:by AS interval)" for name in names)
        await self.api.change(f"UPDATE registrations SET {moved}", by=by)

    async def nothing_is_wanted_any_more(self) -> None:
        await self.api.change("UPDATE placements SET ready_minimum = 0, ready_maximum = 0")
        await self.api.change("UPDATE locations SET drained_at = NULL")
        for class_id in self.classes:
            await self.teach("POST", f"/{class_id}/end")

    async def work(self) -> None:
        """Two workers sweep, then both reach for everything that is due. The agents have spoken."""
        await self.api.change("UPDATE locations SET last_heartbeat_at = now()")
        await asyncio.gather(sweep(self.api.sessions, "one"), sweep(self.api.sessions, "two"))
        async with self.api.sessions() as session:
            mails = [job.subject for job in await delivering.due(session)]
            due = [identity for identity, _ in await commands.due(session)]
        senders = [MailSender(self.api.sessions, self.settings, self.mailbox) for _ in range(2)]
        gates = [Sender(self) for _ in range(2)]
        # the same row for both at the same moment, the rows one after the other: the order of a failure can be repeated
        for identity in mails:
            await asyncio.gather(*(sender.send(identity) for sender in senders))
        for identity in due:
            await asyncio.gather(*(gate.send(identity) for gate in gates))

    async def deliver(self, report: Report) -> None:
        path = f"/api/v1/commands/{report.command}/events"
        answer = await self.post(path, json=report.body, headers=self.headers[report.location])
        assert answer.status_code == 200, answer.text

    async def everything_is_due(self) -> None:
        await self.api.change("UPDATE mails SET due_at = now() WHERE state IN ('queued', 'sending')")
        await self.api.change(
            "UPDATE commands SET due_at = now() WHERE state IN ('queued', 'sent', 'accepted', 'running')"
        )


def _not_ours(answer: httpx.Response) -> httpx.Response:
    """No order of events is a fault of the service."""
    assert answer.status_code < 500, answer.text
    return answer

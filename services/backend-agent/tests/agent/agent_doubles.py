"""What surrounds the agent, under the tests' control."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import HttpUrl, SecretStr

from wod_backend_agent.access import Access, HubAlone
from wod_backend_agent.api_client import NotTaken
from wod_backend_agent.app import Outside, create_app
from wod_backend_agent.delivery.base import Delivery, DeliveryFailed, Deployment, Progress, Seat
from wod_backend_agent.delivery.inspection import SeatContents
from wod_backend_agent.hub import HubUnavailable
from wod_backend_agent.settings import Settings
from wod_common.capabilities import Capability
from wod_common.commands import Command, Verb
from wod_common.events import CommandEvent, EventType
from wod_common.heartbeat import Heartbeat, HeartbeatReceipt, SeatInUse
from wod_common.incidents import Incident

TOKEN = "the-gate's-own-token"
HUB_LOGIN_TOKEN = "the-hub's-own-token"
DEADLINE_SECONDS = 30.0
FINAL = {EventType.DONE, EventType.FAILED, EventType.SUPERSEDED}


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.005)  # poll: until the deadline


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def a_command(
    verb: Verb = Verb.CREATE, student: int = 7, registration: int = 1, order: tuple[int, int] = (1, 1)
) -> Command:
    return Command(
        id=uuid4(),
        verb=verb,
        location=1,
        student=student,
        registration=registration,
        workshop="WKSHP-API101",
        generation=order[0],
        sequence=order[1],
    )


def for_nobody(
    verb: Verb = Verb.PREPARE, student: int = 7, order: tuple[int, int] = (1, 1), workshop: str = "WKSHP-API101"
) -> Command:
    fields = a_command(Verb.PURGE, student, 1, order).model_dump()
    return Command.model_validate(fields | {"verb": verb, "registration": None, "workshop": workshop})


def a_range_reset(
    first: int = 5, last: int = 9, registration: int = 1, order: tuple[int, int] | None = (1, 3)
) -> Command:
    """Signed with an order, a listed peer's without one."""
    fields = a_command(Verb.RESET, first, registration, order or (1, 1)).model_dump() | {"last": last}
    listed = {"generation": None, "sequence": None, "authority": "listed"}
    return Command.model_validate(fields | ({} if order else listed))


def an_unsigned(verb: Verb, registration: int = 1, student: int = 7) -> Command:
    fields = a_command(verb, student, registration).model_dump() | {"generation": None, "sequence": None}
    return Command.model_validate(fields | {"authority": "listed"})


def settings_for(folder: Path, **changes: object) -> Settings:
    values: dict[str, object] = {
        "location": 1,
        "seats": 20,
        "homes": folder / "homes",
        "state": folder / "state",
        "notebooks": str(folder / "notebooks"),
        "api_url": HttpUrl("http://127.0.0.1:1"),
        "api_username": "agent",
        "api_password": SecretStr("agent's password"),
        "hub_url": HttpUrl("http://127.0.0.1:1"),
        "hub_token": SecretStr("the token for the hub"),
        "hub_login_token": SecretStr(HUB_LOGIN_TOKEN),
        "token": SecretStr(TOKEN),
        "secret": SecretStr("what seals the journal"),
        "concurrency": 2,
    }
    return Settings.model_validate(values | changes)


@dataclass
class GatedDelivery:
    """Says what it does; a CREATE or a cleaning of a held seat waits until it is let go."""

    calls: list[tuple[str, int]] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    tokens: list[Mapping[str, str]] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    cancelled: list[int] = field(default_factory=list)
    fails: bool = False
    completion: int | None = 75
    running: int = 0
    most_running: int = 0
    busy: set[int] = field(default_factory=set)
    turns: int = 0
    #: what is found in every seat
    files: dict[str, str] = field(default_factory=dict)
    processes: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    capabilities: frozenset[Capability] = frozenset(Capability)
    refuses: str = ""

    def admit(self, workshop: str) -> None:
        if self.refuses:
            raise DeliveryFailed(self.refuses)

    async def create(self, deployment: Deployment, progress: Callable[[Progress], None]) -> None:
        self.calls.append(("create", deployment.seat.number))
        self.passwords.append(deployment.password.get_secret_value())
        self.tokens.append(deployment.tokens)
        progress(Progress("account", 10, "Your account is made"))
        await self._wait(deployment.seat.number)
        progress(Progress("deliver", 40, "Your notebooks are laid out"))
        if self.fails:
            raise DeliveryFailed("line 3 of 1-Lab.ipynb: IPADRESS is not defined")

    async def target(self, run: UUID, seat: Seat, workshop: str) -> str | None:
        return None

    async def measure(self, run: UUID, seat: Seat, workshop: str) -> int | None:
        self.calls.append(("measure", seat.number))
        return self.completion

    async def clean(self, run: UUID, seat: Seat) -> None:
        self.calls.append(("clean", seat.number))
        await self._wait(seat.number)

    async def inspect(self, run: UUID, seat: Seat) -> SeatContents:
        self.calls.append(("inspect", seat.number))
        return SeatContents(dict(self.files), self.processes)

    def knows(self, workshop: str) -> bool:
        return workshop in {"WKSHP-API101", "CHLG-API101"}

    async def _wait(self, number: int) -> None:
        assert number not in self.busy, "two runs in one seat"
        self.busy.add(number)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)  # poll: gives the others their turn, takes no time
            if number in self.held:
                await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.running -= 1
            self.busy.remove(number)


@dataclass
class ObedientHub:
    """Does as asked, unless it is away for the next few calls."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    away_for: int = 0
    slow_start: asyncio.Event | None = None
    servers: set[str] = field(default_factory=set)
    start_cancelled: bool = False

    async def start_server(self, username: str) -> None:
        await self._do("start", username)
        try:
            if self.slow_start:
                await self.slow_start.wait()
        except asyncio.CancelledError:
            self.start_cancelled = True
            raise

    async def stop_server(self, username: str) -> None:
        await self._do("stop", username)

    async def evict(self, username: str) -> None:
        await self._do("evict", username)

    async def runs_server(self, username: str) -> bool:
        self._check_away()
        return username in self.servers

    async def ready(self) -> str:
        self._check_away()
        return "double"

    async def _do(self, call: str, username: str) -> None:
        self._check_away()
        self.calls.append((call, username))

    def _check_away(self) -> None:
        if self.away_for:
            self.away_for -= 1
            raise HubUnavailable("the hub is being restarted")


@dataclass
class CollectingReporter:
    """Keeps what is reported; takes nothing while it is away."""

    events: defaultdict[UUID, list[CommandEvent]] = field(default_factory=lambda: defaultdict(list))
    away: bool = False
    in_seat_order: bool = False

    async def report(self, command: Command, event: CommandEvent) -> None:
        if self.away:
            raise NotTaken("away")
        self.events[command.id].append(event)

    def types(self, command: Command) -> list[EventType]:
        return [event.type for event in self.events[command.id]]

    def ended(self, command: Command) -> bool:
        return bool(FINAL & set(self.types(command)))


@dataclass
class CollectingIncidents:
    """Keeps what the watchdog tells; takes nothing while it is away."""

    told: list[Incident] = field(default_factory=list)
    away: bool = False

    async def take(self, incident: Incident) -> None:
        if self.away:
            raise NotTaken("away")
        self.told.append(incident)


@dataclass
class SeatBook:
    """Takes heartbeats and answers with who has a seat; ``None`` is an api-db that is away."""

    seats: dict[int, int] | None = field(default_factory=dict)
    heartbeats: list[Heartbeat] = field(default_factory=list)

    async def take(self, heartbeat: Heartbeat) -> HeartbeatReceipt:
        self.heartbeats.append(heartbeat)
        if self.seats is None:
            raise NotTaken("away")
        return receipt(self.seats)


def receipt(seats: dict[int, int]) -> HeartbeatReceipt:
    """Of students and the generation of their seats."""
    held = [SeatInUse(student=student, generation=held, seconds_left=None) for student, held in seats.items()]
    return HeartbeatReceipt(seats=held)


@asynccontextmanager
async def served(app: FastAPI, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_config=None, access_log=False))
    task = asyncio.create_task(server._serve())  # the public serve() would take over the tests' signals
    await until(lambda: server.started or task.done())
    try:
        yield
    finally:
        server.should_exit = True
        await task


@dataclass
class Agent:
    """A running agent, as its callers and its surroundings see it."""

    client: httpx.AsyncClient
    delivery: GatedDelivery
    hub: ObedientHub
    reporter: CollectingReporter
    seat_book: SeatBook
    incidents: CollectingIncidents
    folder: Path

    async def send(self, command: Command) -> httpx.Response:
        return await self.client.post(
            "/commands", content=command.model_dump_json(), headers={"Content-Type": "application/json"}
        )

    async def do(self, command: Command) -> list[CommandEvent]:
        """Sends it and waits for its final report; the events up to that one."""
        answer = await self.send(command)
        assert answer.status_code == 202, answer.text
        await until(lambda: self.reporter.ended(command))
        events = self.reporter.events[command.id]
        return events[: next(place for place, event in enumerate(events, 1) if event.type in FINAL)]

    async def log_in(self, student: int, password: str) -> bool:
        answer = await self.client.post(
            "/hub/login",
            json={"username": f"student{student}", "password": password},
            headers={"Authorization": f"Bearer {HUB_LOGIN_TOKEN}"},
        )
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["allowed"])


@asynccontextmanager
async def running_agent(
    folder: Path,
    heartbeat_seconds: float = 3600.0,
    *,
    real: Delivery | None = None,
    access: Access | None = None,
    **changes: object,
) -> AsyncIterator[Agent]:
    """On the state that an earlier one has left in the folder; its first heartbeat has been sent.

    ``real`` delivers in the double's place; ``changes`` are to the settings.
    """
    delivery, hub, reporter, seat_book = GatedDelivery(), ObedientHub(), CollectingReporter(), SeatBook()
    incidents = CollectingIncidents()

    @asynccontextmanager
    async def parts(_: Settings) -> AsyncIterator[Outside]:
        yield Outside(real or delivery, hub, reporter, seat_book, access or HubAlone(), incidents=incidents)

    app = create_app(settings_for(folder, **changes), parts, heartbeat_seconds)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://agent",
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as client,
    ):
        await until(lambda: len(seat_book.heartbeats) > 0)
        yield Agent(client, delivery, hub, reporter, seat_book, incidents, folder)

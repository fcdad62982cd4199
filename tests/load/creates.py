"""The agent's CREATEs by themselves: the real agent and Ansible, without the hub, the network and the api-db."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from figures import Figure
from pydantic import HttpUrl, SecretStr

from wod_backend_agent.app import Outside, create_app
from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.line import Pace
from wod_backend_agent.outside import AHEAD
from wod_backend_agent.rendering import render_workshop
from wod_backend_agent.seat_archive import pack
from wod_backend_agent.settings import Settings
from wod_common.commands import Command, Verb
from wod_common.events import CommandEvent, EventType
from wod_common.heartbeat import Heartbeat, HeartbeatReceipt

CORES = 2
COLD, WARM, BURST = 5, 12, 100
AT_ONCE = (1, 2, 4)
RATE = 90.0
BURST_RATE = 250.0
TOKEN = "the bench's own token"


class Surroundings:
    """Hub, api-db and gate: they take what they get at once."""

    in_seat_order = False

    def __init__(self) -> None:
        self.done: dict[UUID, asyncio.Future[float]] = {}
        self.began: dict[UUID, float] = {}

    async def report(self, command: Command, event: CommandEvent) -> None:
        if event.type is EventType.DONE:
            self.done[command.id].set_result(event.at.timestamp())
        elif event.type is EventType.FAILED:
            self.done[command.id].set_exception(RuntimeError(event.error))
        elif event.step == "deliver":
            self.began[command.id] = event.at.timestamp()

    async def take(self, _heartbeat: Heartbeat) -> HeartbeatReceipt:
        return HeartbeatReceipt(seats=[])

    async def start_server(self, username: str) -> None:
        pass

    async def stop_server(self, username: str) -> None:
        pass

    async def evict(self, username: str) -> None:
        pass

    async def runs_server(self, username: str) -> bool:
        return False

    async def ready(self) -> str:
        return "none"


class Creator:
    def __init__(self, client: httpx.AsyncClient, around: Surroundings, workshop: str) -> None:
        self._client = client
        self._around = around
        self._workshop = workshop
        self._seats = iter(range(1, 10_000))

    async def create(self) -> tuple[float, float]:
        """Seconds until Ansible had the seat in its hands, and until it was done."""
        seat = next(self._seats)
        fields = {"verb": Verb.CREATE, "location": 1, "student": seat, "registration": seat, "workshop": self._workshop}
        command = Command.model_validate({"id": uuid4(), **fields, "generation": 1, "sequence": 1})
        self._around.done[command.id] = asyncio.get_running_loop().create_future()
        began = time.time()
        answer = await self._client.post("/commands", json=command.model_dump(mode="json"))
        answer.raise_for_status()
        done = await self._around.done[command.id]
        return self._around.began[command.id] - began, done - began


@asynccontextmanager
async def agent(folder: Path, workshop: Path, idle_seconds: float) -> AsyncIterator[Creator]:
    settings = _settings(folder, workshop)
    around = Surroundings()
    runs, delivered = settings.state / "runs", settings.state / "delivered"
    for path in (settings.homes, runs, delivered):
        await asyncio.to_thread(path.mkdir, parents=True)
    delivery = AnsibleDelivery(
        trees=settings.trees(),
        homes=settings.homes,
        runs=runs,
        delivered=delivered,
        variables={},
        pace=Pace(CORES, idle_seconds),
    )

    @asynccontextmanager
    async def parts(_: Settings) -> AsyncIterator[Outside]:
        async with aclosing(delivery):
            yield Outside(delivery, around, around, around, ahead=AHEAD)

    app = create_app(settings, parts, 3600.0)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://agent", headers=headers) as client,
    ):
        yield Creator(client, around, workshop.name)


def _settings(folder: Path, workshop: Path) -> Settings:
    nowhere = HttpUrl("http://127.0.0.1:1")
    secret = SecretStr(TOKEN)
    return Settings(
        location=1,
        seats=9_999,
        homes=folder / "homes",
        state=folder / "state",
        notebooks=[workshop.parent],
        api_url=nowhere,
        api_username="agent",
        api_password=secret,
        hub_url=nowhere,
        hub_token=secret,
        hub_login_token=secret,
        token=secret,
        secret=secret,
        concurrency=CORES,
    )


async def measure_creates(folder: Path, workshop: Path) -> list[Figure]:
    figures = [await _cold(folder / f"cold{number}", workshop) for number in range(COLD)]
    cold = Figure("CREATE, Ansible has to start", target=1.2, samples=[sample for sample, _ in figures])
    start = Figure("- until Ansible has the seat in its hands", samples=[sample for _, sample in figures])
    async with agent(folder / "warm", workshop, 60.0) as creator:
        await creator.create()
        warm = [await creator.create() for _ in range(WARM)]
        rates = [await _rate(creator, at_once) for at_once in AT_ONCE]
        burst = await _burst(creator)
    return [
        cold,
        start,
        Figure("CREATE, a run of Ansible is open", target=1.2, samples=[done for _, done in warm]),
        Figure("- until Ansible has the seat in its hands", samples=[began for began, _ in warm]),
        Figure("- rendered and packed, here", "ms", samples=await asyncio.to_thread(_rendering, folder, workshop)),
        *rates,
        *burst,
    ]


async def _cold(folder: Path, workshop: Path) -> tuple[float, float]:
    async with agent(folder, workshop, 0.0) as creator:
        began, done = await creator.create()
        return done, began


async def _rate(creator: Creator, at_once: int) -> Figure:
    async def one_after_another() -> None:
        for _ in range(WARM):
            await creator.create()

    began = time.monotonic()
    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    rate = at_once * WARM / (time.monotonic() - began) * 60
    return Figure(f"CREATEs a minute, {at_once} at once", "1/min", RATE, [rate], at_least=True)


async def _burst(creator: Creator) -> Sequence[Figure]:
    done = [done for _, done in await asyncio.gather(*(creator.create() for _ in range(BURST)))]
    rate = Figure(f"CREATEs a minute, {BURST} at once", "1/min", BURST_RATE, [BURST / max(done) * 60], at_least=True)
    return [rate, Figure("- the seats of these, first to last", samples=done)]


def _rendering(folder: Path, workshop: Path) -> list[float]:
    samples = []
    for _ in range(WARM):
        began = time.monotonic()
        names = ("BRANDING", "BRANDINGWOD", "BRANDINGLOGO", "BRANDINGURL", "SURVEYURL", "SURVEYCHALURL")
        values = {"STDID": 1, "PASSSTU": "x", "MODEWS": "WKSHP", **dict.fromkeys(names, "x")}
        pack(folder / "home.tar", workshop.name, render_workshop(workshop, values), [])
        samples.append((time.monotonic() - began) * 1000)
    return samples

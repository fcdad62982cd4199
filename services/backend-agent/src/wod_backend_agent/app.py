"""The agent as a process: its parts, put together."""

import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from prometheus_client import REGISTRY

from wod_backend_agent.access import Access, HubAlone
from wod_backend_agent.appliance_runs import ApplianceRuns, appliances_router
from wod_backend_agent.appliance_setup import setup_for
from wod_backend_agent.commands import Intake, commands_router
from wod_backend_agent.completion_measuring import Measuring
from wod_backend_agent.completions import Completions
from wod_backend_agent.content_versions import ContentVersions
from wod_backend_agent.delivery.base import Delivery
from wod_backend_agent.execution import Execution
from wod_backend_agent.feed import Feed
from wod_backend_agent.heartbeat import Heart, HeartbeatTaker, Vitals
from wod_backend_agent.hooks import Hooks
from wod_backend_agent.hub import Hub
from wod_backend_agent.hub_login import hub_login_router
from wod_backend_agent.journal import Journal
from wod_backend_agent.logins import Logins
from wod_backend_agent.metrics import AgentFigures
from wod_backend_agent.prepared import PreparedSeats
from wod_backend_agent.reconciliation import Reconciliation
from wod_backend_agent.reporting import Outbox, Reporter
from wod_backend_agent.scheduler import Scheduler
from wod_backend_agent.settings import Misconfigured, Settings
from wod_backend_agent.watchdog.incidents import IncidentTaker, NoIncidents
from wod_backend_agent.watchdog.watching import watching
from wod_common.health import health_router
from wod_common.heartbeat import INTERVAL_SECONDS
from wod_common.problems import add_problem_handlers
from wod_common.sealing import Sealer
from wod_common.timing import RequestTiming
from wod_common.tracing import Traced

#: Longer than a child takes from its fork to its program. Nothing else runs yet, so waiting may block.
LOCK_SECONDS = 3.0


@dataclass(frozen=True)
class Outside:
    """What the agent speaks to."""

    delivery: Delivery
    hub: Hub
    reporter: Reporter
    heartbeats: HeartbeatTaker
    access: Access = field(default_factory=HubAlone)
    #: commands that are handed to the delivery for each one that it works on at the time
    ahead: int = 1
    incidents: IncidentTaker = field(default_factory=NoIncidents)


#: Opens what the agent speaks to, and closes it.
Parts = Callable[[Settings], AbstractAsyncContextManager[Outside]]


def create_app(settings: Settings, parts: Parts, heartbeat_seconds: float = INTERVAL_SECONDS) -> FastAPI:
    """All that lives as long as the process is made in the lifespan; the real parts are in ``outside``."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.enter_context(_sole_agent(settings.state))
            outside = await stack.enter_async_context(parts(settings))
            heart = await _assemble(app, settings, outside, stack, heartbeat_seconds)
            heart.start()
            stack.push_async_callback(heart.stop)
            yield

    app = FastAPI(
        title="Workshops-on-Demand backend agent",
        version=version("wod-backend-agent"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    add_problem_handlers(app)
    app.add_middleware(Traced, believed=True)
    app.add_middleware(RequestTiming)
    return app


async def _assemble(
    app: FastAPI, settings: Settings, parts: Outside, stack: AsyncExitStack, heartbeat_seconds: float
) -> Heart:
    """Started in this order and ended in the opposite one."""
    feed = Feed()

    def changed(command: UUID) -> None:
        outbox.wake(command)
        feed.ring(command)

    journal = Journal(settings.state / "journal.sqlite", changed)
    stack.callback(journal.close)
    sealer = await _sealer(settings, journal)
    outbox = Outbox(journal, parts.reporter, sealer)
    stack.push_async_callback(outbox.stop)
    prepared = PreparedSeats(journal, parts.delivery, parts.hub, _versions(settings), settings.seat)
    hooks = _hooks(settings, journal)
    execution = Execution(journal, parts.delivery, parts.hub, sealer, settings.seat, hooks, prepared, parts.access)
    scheduler = Scheduler(journal, execution, feed, settings.concurrency, settings.concurrency * parts.ahead)
    stack.push_async_callback(scheduler.stop)
    await scheduler.resume()
    await outbox.resume()
    logins = Logins(journal, settings.seats)
    stack.callback(logins.close)
    reconciliation = Reconciliation(journal, scheduler, parts.hub, parts.access, settings.seat)
    stack.push_async_callback(reconciliation.stop)
    disk = settings.homes if settings.delivery == "ansible" else settings.state
    can = parts.delivery.capabilities
    completions = _completions(settings, parts, journal, scheduler)
    completions.start()
    stack.push_async_callback(completions.stop)
    vitals = Vitals(journal, scheduler, parts.hub, settings.concurrency, disk, can, completions)
    learn = await stack.enter_async_context(watching(settings, journal, scheduler, parts.hub, parts.incidents))
    heart = Heart(vitals.heartbeat, parts.heartbeats, reconciliation, heartbeat_seconds, learn)
    collector = AgentFigures(journal, scheduler, heart)
    REGISTRY.register(collector)
    stack.callback(REGISTRY.unregister, collector)
    appliances = _appliances(settings, parts, hooks)
    stack.push_async_callback(appliances.stop)
    app.include_router(appliances_router(appliances, settings.tokens))
    _route(
        app,
        settings,
        parts,
        Intake(journal, scheduler, parts.delivery, sealer, settings.location, settings.seats),
        feed,
        logins,
    )
    return heart


async def _sealer(settings: Settings, journal: Journal) -> Sealer:
    sealer = settings.sealer()
    if settings.secret_other:
        await journal.reseal(sealer)
    return sealer


def _completions(settings: Settings, parts: Outside, journal: Journal, scheduler: Scheduler) -> Completions:
    measuring = Measuring(parts.delivery, settings.state / "delivered")
    return Completions(journal, scheduler, measuring.measure, settings.seat, settings.completion_minutes * 60)


def _hooks(settings: Settings, journal: Journal) -> Hooks:
    """Their folders are among the runs', which the next start clears of what a killed agent has left."""
    folder = settings.state / "runs" / "hooks"
    api_url, limit = settings.api_url_for_labs, settings.hook_seconds
    return Hooks(settings.trees(), folder, api_url, limit, journal.keep_hook, settings.concurrency)


def _appliances(settings: Settings, parts: Outside, hooks: Hooks) -> ApplianceRuns:
    setup = setup_for(settings, parts.delivery, hooks.api_url)
    return ApplianceRuns(setup, settings.state / "appliances", settings.concurrency)


def _versions(settings: Settings) -> ContentVersions:
    given = {**settings.variables, "api_url": str(settings.api_url), "group": settings.group or ""}
    return ContentVersions(settings.trees(), given)


def _route(app: FastAPI, settings: Settings, parts: Outside, intake: Intake, feed: Feed, logins: Logins) -> None:
    async def journal_check() -> str:
        await intake.journal.probe()
        return "writable"

    app.include_router(commands_router(intake, feed, settings.tokens))
    app.include_router(hub_login_router(logins, settings.hub_login_tokens))
    # the api-db is not asked: while it is away commands are still taken and reports kept
    app.include_router(health_router({"journal": journal_check, "hub": parts.hub.ready}))


@contextmanager
def _sole_agent(state: Path) -> Iterator[None]:
    """Two agents on one journal would end each other's runs."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, state)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, state: Path) -> None:
    """What an agent was about to start as it ended holds the lock until it has become Ansible: a moment."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise Misconfigured(
                    f"another agent uses {state}; give this one a WOD_AGENT_STATE of its own"
                ) from error
            time.sleep(0.05)
        else:
            return


def serve(app: FastAPI, settings: Settings) -> None:
    """Returns after SIGTERM or SIGINT; open streams are cut after 3 s."""
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=3,
    )

"""The process: the SMTP server lives as long as the small HTTP application that watches it."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import structlog
from fastapi import FastAPI

from wod_common.health import health_router
from wod_common.problems import add_problem_handlers
from wod_mailgate.agent import Agent, Agents, agent_http
from wod_mailgate.authority import Authority, KeyRing
from wod_mailgate.hooks import Hooks, Login, Place
from wod_mailgate.intake import Intake
from wod_mailgate.peers import LegacyPeers
from wod_mailgate.refusals import Refusals
from wod_mailgate.server import Gate
from wod_mailgate.settings import FurtherLocation, Settings
from wod_mailgate.spool import Spool
from wod_mailgate.spool_files import SpoolFiles
from wod_mailgate.unsigned import UnsignedCommands

_log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """``app.state.gate`` is the running Gate while the application's lifespan lasts."""
    agents = {place.location: Agent(agent_http(str(place.agent_url), place.agent_token)) for place in _places(settings)}
    spool = Spool(SpoolFiles(settings.state), Agents(agents)) if settings.state is not None else None
    keys = KeyRing(settings.command_keys, settings.location)
    login = Login(settings.username, settings.password) if settings.username and settings.password else None
    hooks = Hooks(list(_intakes(settings, keys, Agents(agents), spool)), login)
    gate = Gate(hooks, _tls(settings), settings.require_tls)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for agent in agents.values():
                await stack.enter_async_context(agent.http)
            await stack.enter_async_context(_delivered(spool))
            await gate.start(settings.host, settings.port)
            _log.info("gate open", host=settings.host, port=gate.port, locations=list(agents))
            yield
            await gate.stop()
            _log.info("gate closed")

    async def check_keys() -> str:
        return f"{len(keys.verifier().keys)} read"

    app = FastAPI(title="mailgate", lifespan=lifespan, openapi_url=None)
    app.state.gate = gate
    add_problem_handlers(app)
    first, *others = agents
    checks = {"smtp": gate.check, "command_keys": check_keys, "agent": agents[first].check}
    checks |= {f"agent_{location}": agents[location].check for location in others}
    app.include_router(health_router(checks | ({"spool": spool.check} if spool is not None else {})))
    return app


def _places(settings: Settings) -> list[FurtherLocation]:
    first = settings.model_dump(include={"location", "recipient", "agent_url", "agent_token"})
    return [FurtherLocation.model_construct(**first), *settings.further]


def _intakes(settings: Settings, keys: KeyRing, agents: Agents, spool: Spool | None) -> Iterator[Place]:
    """A token is good for its own location alone, whatever recipient it is sent to."""
    peers, refusals = LegacyPeers(settings.legacy_peers, settings.allow_loopback_peers), Refusals()
    for place in _places(settings):
        authority = Authority(replace(keys, location=place.location), peers)
        yield Place(place.recipient, Intake(authority, agents, UnsignedCommands(place.location), spool, refusals))


@asynccontextmanager
async def _delivered(spool: Spool | None) -> AsyncIterator[None]:
    if spool is None:
        yield
        return
    await spool.start()
    try:
        yield
    finally:
        await spool.stop()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context

"""The process: the SMTP server lives as long as the small HTTP application that watches it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from wod_common.health import health_router
from wod_common.problems import add_problem_handlers
from wod_mailgate.agent import Agent, agent_http
from wod_mailgate.authority import Authority, KeyRing
from wod_mailgate.hooks import Hooks
from wod_mailgate.intake import Intake
from wod_mailgate.peers import LegacyPeers
from wod_mailgate.server import Gate
from wod_mailgate.settings import Settings
from wod_mailgate.spool import Spool
from wod_mailgate.spool_files import SpoolFiles
from wod_mailgate.unsigned import UnsignedCommands

_log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """``app.state.gate`` is the running Gate while the application's lifespan lasts."""
    keys = KeyRing(settings.command_keys, settings.location)
    agent = Agent(agent_http(str(settings.agent_url), settings.agent_token))
    authority = Authority(keys, LegacyPeers(settings.legacy_peers, settings.allow_loopback_peers))
    spool = Spool(SpoolFiles(settings.state), agent) if settings.state is not None else None
    intake = Intake(authority, agent, UnsignedCommands(settings.location), spool)
    gate = Gate(Hooks(intake, settings.recipient), _tls(settings), settings.require_tls)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with agent.http, _delivered(spool):
            await gate.start(settings.host, settings.port)
            _log.info("gate open", host=settings.host, port=gate.port, location=settings.location)
            yield
            await gate.stop()
            _log.info("gate closed")

    async def check_keys() -> str:
        return f"{len(keys.verifier().keys)} read"

    app = FastAPI(title="mailgate", lifespan=lifespan, openapi_url=None)
    app.state.gate = gate
    add_problem_handlers(app)
    checks = {"smtp": gate.check, "command_keys": check_keys, "agent": agent.check}
    app.include_router(health_router(checks | ({"spool": spool.check} if spool is not None else {})))
    return app


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

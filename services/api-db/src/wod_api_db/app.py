"""The api-db's HTTP service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from wod_api_db import __version__
from wod_api_db.accounts.endpoints import router as accounts
from wod_api_db.accounts.models import WorkerSighting
from wod_api_db.audit.endpoints import router as audit
from wod_api_db.badges.endpoints import router as badges
from wod_api_db.classes.endpoints import router as classes
from wod_api_db.classes.join_endpoints import router as joining
from wod_api_db.commands.endpoints import router as commands
from wod_api_db.db import make_engine, make_sessions
from wod_api_db.diagnosis.endpoints import router as diagnosis
from wod_api_db.feedback.endpoints import router as feedback
from wod_api_db.legacy.mounting import mount_legacy
from wod_api_db.limits import RateLimits
from wod_api_db.locations.endpoints import router as locations
from wod_api_db.mail.endpoints import router as mails
from wod_api_db.mail.trying import router as trial_mails
from wod_api_db.notices.endpoints import router as notices
from wod_api_db.openapi import DESCRIPTION, TAGS, describe
from wod_api_db.pauses.endpoints import router as pauses
from wod_api_db.persons.endpoints import router as persons
from wod_api_db.registrations.addresses import DenyList
from wod_api_db.registrations.endpoints import router as registrations
from wod_api_db.registrations.following import Notifications
from wod_api_db.registrations.operating import router as operating
from wod_api_db.registrations.personal import router as personal
from wod_api_db.settings import Settings
from wod_api_db.statistics.endpoints import router as statistics
from wod_api_db.statistics.exporting import router as facts
from wod_api_db.statistics.gauges import Gauges
from wod_api_db.statistics.service import public_statistics
from wod_api_db.students.endpoints import router as students
from wod_api_db.wishes.endpoints import router as wishes
from wod_api_db.workshops.catalogue import Catalogue
from wod_api_db.workshops.endpoints import WholeCatalogue
from wod_api_db.workshops.endpoints import router as workshops
from wod_api_db.workshops.placements import router as placements
from wod_api_db.workshops.popular import Popular
from wod_api_db.workshops.syncing_endpoints import router as syncing
from wod_common.health import health_router
from wod_common.problems import BadRequest, Unprocessable, add_problem_handlers, responses
from wod_common.timing import RequestTiming
from wod_common.tracing import Traced

#: of every location, every ten seconds
HEARTBEAT = "/api/v1/locations/{location_id}/heartbeat"
#: without a sighting for this long there is no worker
WORKER_SILENCE = 10.0

#: Routes are tried in this order: the busiest first.
ROUTERS = (
    workshops,
    registrations,
    accounts,
    audit,
    badges,
    classes,
    commands,
    joining,
    feedback,
    personal,
    locations,
    operating,
    mails,
    trial_mails,
    notices,
    pauses,
    persons,
    placements,
    statistics,
    facts,
    students,
    syncing,
    diagnosis,
    wishes,
)


def create_app(settings: Settings) -> FastAPI:
    engine = make_engine(settings)
    sessions = make_sessions(engine)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.settings = settings
        app.state.sessions = sessions
        app.state.public_statistics = public_statistics(sessions)
        app.state.deny_list = read_deny_list(settings)
        app.state.notifications = Notifications(settings.plain_database_url)
        app.state.catalogue = Catalogue(app.state.sessions, app.state.notifications)
        listening = asyncio.create_task(app.state.notifications.run())
        yield
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await engine.dispose()

    app = FastAPI(
        title="Workshops-on-Demand",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        # FastAPI's pages for people load their scripts from elsewhere; /openapi.json is for every tool
        docs_url=None,
        redoc_url=None,
        responses=responses(BadRequest, Unprocessable),
    )
    app.state.limits = RateLimits(settings)
    app.state.popular = Popular()
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)
    add_problem_handlers(app)
    describe(app)
    for router in ROUTERS:
        app.include_router(router)
    if settings.legacy:
        mount_legacy(app)
    checks = {"database": lambda: _database(engine), "worker": lambda: _worker(engine)}
    app.include_router(health_router(checks, Gauges(sessions).exposition))
    # within the catalogue's: whoever only looks is not counted one by one
    app.add_middleware(Traced, believed=True, quiet=frozenset({HEARTBEAT}))
    app.add_middleware(WholeCatalogue)
    app.add_middleware(RequestTiming)
    return app


def read_deny_list(settings: Settings) -> DenyList:
    """One entry a line; blank lines and those that begin with # are passed over."""
    if settings.deny_list is None:
        return DenyList()
    lines = (line.strip() for line in settings.deny_list.read_text().splitlines())
    return DenyList.of(line for line in lines if line and not line.startswith("#"))


async def _database(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    return "answers"


async def _worker(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        age = func.extract("epoch", func.clock_timestamp() - func.max(WorkerSighting.seen_at))
        seconds = (await connection.execute(select(age))).scalar_one()
    if seconds is None or seconds > WORKER_SILENCE:
        raise RuntimeError("no worker has been at work lately; start python -m wod_api_db.worker")
    return f"seen {seconds:.1f} s ago"

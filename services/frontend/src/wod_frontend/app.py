"""The portal as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from wod_common.health import health_router
from wod_common.rotation import taken
from wod_common.timing import RequestTiming
from wod_common.tracing import Traced
from wod_frontend import acting, badges, catalogue, house, joining, registering, sessions, unsubscribing
from wod_frontend.api import Api, connect
from wod_frontend.branding import read_branding
from wod_frontend.console.backstage import Backstage
from wod_frontend.console.mounting import open_console
from wod_frontend.csrf import FormGuard
from wod_frontend.failures import add_failure_pages
from wod_frontend.language import LanguageChoice
from wod_frontend.live import LiveStories
from wod_frontend.pages import STATIC, Pages
from wod_frontend.security import FormLimit, SecurityHeaders
from wod_frontend.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    guard = FormGuard(taken(settings.secret, settings.secret_other), secure=settings.public_url.scheme == "https")
    branding = read_branding(settings.branding, settings.brand)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with connect(str(settings.api_url)) as client:
            app.state.api = Api(client)
            app.state.live = LiveStories(app.state.api)
            app.state.backstage = Backstage(client)
            yield
            app.state.live.close()

    async def api_answers() -> str:
        api: Api = app.state.api
        return await api.check()

    app = FastAPI(title="Portal", lifespan=lifespan, openapi_url=None)
    app.state.pages = Pages(guard, branding, str(settings.public_url).rstrip("/"))
    open_console(app, settings, guard)
    for part in (catalogue, badges, registering, joining, sessions, acting, unsubscribing, house):
        app.include_router(part.router)
    app.include_router(health_router({"api-db": api_answers}))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    add_failure_pages(app)
    app.add_middleware(FormLimit)
    app.add_middleware(Traced)
    app.add_middleware(LanguageChoice, secure=guard.secure)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)
    app.add_middleware(RequestTiming)
    return app

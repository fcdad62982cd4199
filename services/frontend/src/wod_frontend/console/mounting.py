"""Puts the console into the portal."""

from typing import cast

from fastapi import FastAPI

from wod_frontend.console import acting, classes, dashboard, details, lists, oidc, signing_in
from wod_frontend.console.access import Seats
from wod_frontend.console.failures import add_console_failures
from wod_frontend.console.provider import Provider
from wod_frontend.console.wording import FILTERS
from wod_frontend.csrf import FormGuard
from wod_frontend.pages import Pages
from wod_frontend.settings import Settings


def open_console(app: FastAPI, settings: Settings, guard: FormGuard) -> None:
    secret, secure = settings.secret.get_secret_value(), guard.secure
    public_url = str(settings.public_url).rstrip("/")
    app.state.console_seats = Seats(secret, secure=secure)
    app.state.oidc = Provider(settings.oidc, public_url, secret, secure=secure) if settings.oidc else None
    cast(Pages, app.state.pages).jinja.filters.update(FILTERS)
    # the lists come last: they take any name
    for module in (signing_in, oidc, acting, dashboard, classes, details, lists):
        app.include_router(module.router)
    add_console_failures(app)

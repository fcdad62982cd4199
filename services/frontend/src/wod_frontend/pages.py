"""Renders a page: templates, their filters, and what every page knows."""

import hashlib
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from wod_frontend import words
from wod_frontend.covers import cover
from wod_frontend.csrf import FIELD, FormGuard

STATIC = Path(__file__).parent / "static"


def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _static_addresses() -> dict[str, str]:
    return {path.name: f"/static/{path.name}?v={_digest(path.name)}" for path in STATIC.iterdir() if path.is_file()}


class Pages:
    """The templates with their filters."""

    def __init__(self, guard: FormGuard, brand: str, public_url: str) -> None:
        self.guard = guard
        self._jinja = Environment(
            loader=PackageLoader("wod_frontend"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.globals.update(
            brand=brand, public_url=public_url, static=_static_addresses(), cover=cover, form_field=FIELD
        )
        self._jinja.filters.update(
            duration=words.duration,
            clock=words.clock,
            day=words.day,
            quoted=words.quoted,
            web_address=words.web_address,
        )

    def render(
        self, request: Request, template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        """``form_token()`` in a template makes the response set the cookie that belongs to it."""
        html = self._jinja.get_template(template).render(
            path=request.url.path, form_token=lambda: self.guard.token(request), **values
        )
        response = HTMLResponse(html, status, headers)
        self.guard.remember(request, response)
        return response

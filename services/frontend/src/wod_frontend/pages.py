"""Renders a page: templates, their filters, and what every page knows."""

import hashlib
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from wod_frontend import language, words
from wod_frontend.branding import Branding
from wod_frontend.cards import cards
from wod_frontend.covers import cover
from wod_frontend.csrf import FIELD, FormGuard
from wod_frontend.refusals import undelivered

STATIC = Path(__file__).parent / "static"


def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _static_addresses() -> dict[str, str]:
    return {path.name: f"/static/{path.name}?v={_digest(path.name)}" for path in STATIC.iterdir() if path.is_file()}


def environment(branding: Branding, public_url: str) -> Environment:
    """The templates with their filters; ``_`` and ``trans`` speak the language of the request."""
    jinja = Environment(
        loader=PackageLoader("wod_frontend"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    jinja.policies["ext.i18n.trimmed"] = True
    jinja.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]  # the extension's
    jinja.globals.update(
        brand=branding.name,
        branding=branding,
        public_url=public_url,
        static=_static_addresses(),
        card=cards(jinja),
        cover=cover,
        form_field=FIELD,
        languages=language.languages(),
        language=language.current,
    )
    jinja.filters.update(
        duration=words.duration,
        clock=words.clock,
        day=words.day,
        moment=words.moment,
        number=words.number,
        period=words.period,
        counted=words.counted,
        quoted=words.quoted,
        undelivered=undelivered,
        web_address=words.web_address,
    )
    return jinja


def _here(request: Request, code: str) -> str:
    """This page in another language. From the path alone: the Host header is the caller's to choose."""
    query = request.url.include_query_params(**{language.PARAMETER: code}).query
    return f"/{request.url.path.lstrip('/')}?{query}"


class Pages:
    """The templates, and the cookie of their forms."""

    def __init__(self, guard: FormGuard, branding: Branding, public_url: str) -> None:
        self.guard = guard
        self.branding = branding
        self.public_url = public_url
        self.jinja = environment(branding, public_url)

    def render(
        self, request: Request, template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        """``form_token()`` in a template makes the response set the cookie that belongs to it."""
        html = self.jinja.get_template(template).render(
            path=request.url.path,
            here=lambda code: _here(request, code),
            form_token=lambda: self.guard.token(request),
            **values,
        )
        response = HTMLResponse(html, status, {"Content-Language": language.current().code} | (headers or {}))
        self.guard.remember(request, response)
        return response

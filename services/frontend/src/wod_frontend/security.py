"""What every answer carries, and how much a form may weigh."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    # the personal token is in the address: it must not reach the lab or any other site
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
#: Static files are asked for with their digest, so a changed file has another address.
FOREVER = "public, max-age=31536000, immutable"
#: A browser that opens an SVG itself runs and loads nothing.
PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "public, max-age=3600",
}
#: Six short fields fit many times.
MAX_FORM_BYTES = 16_384
#: An instructor's file of participants comes with its form.
MAX_ROSTER_BYTES = 300_000
_ROSTER = re.compile(r"/console/classes/\d+/roster")


class SecurityHeaders:
    """Pure ASGI: it must not buffer the event streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kept = FOREVER if scope["path"].startswith("/static/") and scope["query_string"] else "no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():  # a page's own are more exact
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", kept if message["status"] < 400 else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class FormLimit:
    """Refuses a body without a length, or a longer one, before it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}:
            length = Headers(scope=scope).get("content-length", "")
            most = MAX_ROSTER_BYTES if _ROSTER.fullmatch(scope["path"]) else MAX_FORM_BYTES
            if not length.isdigit() or int(length) > most:
                refusal = PlainTextResponse(f"A form of at most {most} bytes, with its length, please.", 413)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

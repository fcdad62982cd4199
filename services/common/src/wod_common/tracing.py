"""One id from a visitor's click to the last task of Ansible: ``trace`` in every line of the log on the way.

The portal makes it, the api-db keeps it with the registration, and each of that registration's commands carries it.
"""

import re
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wod_common.commands import TRACE_PATTERN

log = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
#: These change nothing, and there are many.
_UNTOLD = frozenset({"GET", "HEAD", "OPTIONS"})


def current() -> str:
    """That of the request or command that is worked on, else a new one."""
    known = structlog.contextvars.get_contextvars().get("trace")
    return str(known) if known else uuid4().hex


class Traced:
    """ASGI middleware: gives each request its id, tells the caller, and logs one line for each that may change something.

    ``believed``: the caller's id is taken where it has the form of one; the portal's callers are strangers. The line has
    the route's template: paths hold personal links. ``quiet`` are templates that come round without anybody's doing.
    """

    def __init__(self, app: ASGIApp, *, believed: bool = False, quiet: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._believed = believed
        self._quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = self._trace(scope)
        began = perf_counter()

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = trace
                self._tell(scope, message["status"], perf_counter() - began)
            await send(message)

        with structlog.contextvars.bound_contextvars(trace=trace):
            await self._app(scope, receive, answered)

    def _trace(self, scope: Scope) -> str:
        given = Headers(scope=scope).get(HEADER, "") if self._believed else ""
        return given if re.fullmatch(TRACE_PATTERN, given) else uuid4().hex

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        if scope["method"] not in _UNTOLD and route not in self._quiet:
            method = scope["method"] if scope["method"] in {"POST", "PUT", "PATCH", "DELETE"} else "other"
            log.info("answered", method=method, route=route, status=status, seconds=round(seconds, 4))

"""How long requests take until their answer begins, by the route's template: no id or token becomes a label."""

from time import perf_counter

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = Histogram(
    "wod_http_request_duration_seconds",
    "From the request to the first byte of its answer",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
#: any other word that a client makes up is one label
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestTiming:
    """ASGI middleware. An event stream is measured to its start, for it lasts as long as somebody looks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        answered = False

        async def timed(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                _observe(scope, message["status"], perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, timed)
        finally:
            if not answered:  # an error that nobody handles is answered outside of us, with this status
                _observe(scope, 500, perf_counter() - began)


def _observe(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    route = getattr(scope.get("route"), "path", "unmatched")
    _SECONDS.labels(method, route, str(status)).observe(seconds)

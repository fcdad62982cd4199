"""``/healthz`` (the process lives), ``/readyz`` (it can do its work), ``/metrics`` (Prometheus)."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

#: Returns what to show of a part that works; raises where it does not.
Check = Callable[[], Awaitable[str]]
#: Returns families in the exposition format that the process's own registry does not have.
Exposition = Callable[[], Awaitable[bytes]]


def health_router(checks: Mapping[str, Check], exposition: Exposition | None = None) -> APIRouter:
    """Readiness asks every check; an answer of 503 names the parts that failed. ``exposition`` adds to the metrics."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "A part is not ready"}})
    async def readyz() -> JSONResponse:
        """It can do its work; a part that cannot is named."""
        parts: dict[str, str] = {}
        ready = True
        for name, check in checks.items():
            try:
                parts[name] = await check()
            except Exception as error:  # noqa: BLE001 - the edge: whatever a part raises means "not ready"
                ready = False
                parts[name] = f"not ready: {type(error).__name__}: {error}"
        return JSONResponse({"ready": ready, "parts": parts}, 200 if ready else 503)

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """For Prometheus."""
        further = await exposition() if exposition is not None else b""
        return Response(generate_latest() + further, media_type=CONTENT_TYPE_LATEST)

    return router

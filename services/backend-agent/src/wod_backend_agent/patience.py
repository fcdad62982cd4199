"""Calls of the hub that must not fail because it is being restarted."""

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from wod_backend_agent.hub import HubUnavailable

#: A hub that is restarted is back within 20 s; a cleaning must not fail for that.
HUB_PATIENCE_SECONDS = 60.0


async def patiently(call: Callable[[], Awaitable[None]]) -> None:
    """Repeats a repeatable call until it has succeeded. Raises HubUnavailable."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(HubUnavailable),
        wait=wait_exponential(multiplier=0.2, max=5),
        stop=stop_after_delay(HUB_PATIENCE_SECONDS),
        reraise=True,
    ):
        with attempt:
            await call()

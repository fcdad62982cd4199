"""The watchdog as the settings want it, as long as the agent lives."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from wod_backend_agent.hub import Hub
from wod_backend_agent.journal import Journal
from wod_backend_agent.scheduler import Scheduler
from wod_backend_agent.settings import Settings
from wod_backend_agent.watchdog.incidents import IncidentBox, IncidentTaker
from wod_backend_agent.watchdog.looking import Seats
from wod_backend_agent.watchdog.rounds import Rules, Watchdog
from wod_backend_agent.watchdog.rules import Programs, Sessions, Shares
from wod_common.heartbeat import HeartbeatReceipt


@asynccontextmanager
async def watching(
    settings: Settings, journal: Journal, scheduler: Scheduler, hub: Hub, taker: IncidentTaker
) -> AsyncIterator[Callable[[HeartbeatReceipt], None]]:
    """Yields what is to be told of every heartbeat's receipt. Switched off, it still tells what an earlier agent has seen."""
    rules = _rules(settings)
    async with AsyncExitStack() as stack:
        incidents = IncidentBox(journal, taker)
        incidents.start()
        stack.push_async_callback(incidents.stop)
        if settings.watchdog != "off":
            watchdog = Watchdog(
                journal=journal,
                scheduler=scheduler,
                hub=hub,
                incidents=incidents,
                seat=settings.seat,
                look=Seats(settings.seats, settings.seat, settings.uid_base, settings.accounts == "linux").look,
                rules=rules,
                interval=settings.watchdog_seconds,
                dry_run=settings.watchdog == "dry-run",
            )
            watchdog.start()
            stack.push_async_callback(watchdog.stop)
        yield lambda receipt: rules.sessions.learn(
            ((one.student, one.generation, one.seconds_left) for one in receipt.seats), time.monotonic()
        )


def _rules(settings: Settings) -> Rules:
    shares = Shares(settings.watchdog_cpu_percent, settings.watchdog_cpu_minutes * 60, settings.watchdog_allowed)
    return Rules(Programs(settings.watchdog_programs), shares, Sessions(settings.watchdog_overtime_minutes * 60))

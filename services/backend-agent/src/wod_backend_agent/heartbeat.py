"""Tells the api-db every few seconds that this location lives and how it is, and takes back who has a seat there."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import psutil
import structlog
from pydantic import ValidationError

from wod_backend_agent.api_client import NativeApi, NotOffered, NotTaken
from wod_backend_agent.completions import Completions
from wod_backend_agent.hub import Hub, HubUnavailable
from wod_backend_agent.journal import Journal
from wod_backend_agent.reconciliation import Reconciliation
from wod_backend_agent.scheduler import Scheduler
from wod_common.capabilities import Capability
from wod_common.heartbeat import INTERVAL_SECONDS, Heartbeat, HeartbeatReceipt

log = structlog.get_logger()

#: An api-db without that route is not asked more often: it may be replaced while the agent runs.
NOT_OFFERED_SECONDS = 600.0
#: Of failures in a row the first is logged and then one in so many: five minutes' worth.
LOGGED_FAILURES = 30
#: A hub that answers later than this is not one to work with.
HUB_SECONDS = 5.0


class HeartbeatTaker(Protocol):
    async def take(self, heartbeat: Heartbeat) -> HeartbeatReceipt:
        """Raises NotTaken, and NotOffered where it need not be asked again soon."""


class NativeHeartbeats:
    """To our api-db."""

    def __init__(self, api: NativeApi, location: int) -> None:
        self._api = api
        self._path = f"api/v1/locations/{location}/heartbeat"

    async def take(self, heartbeat: Heartbeat) -> HeartbeatReceipt:
        answer = await self._api.post(self._path, heartbeat.model_dump_json())
        if answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            raise NotOffered(f"the api-db answered {answer.status_code}: it takes no heartbeats of this location")
        if not answer.is_success:
            raise NotTaken(f"the api-db answered {answer.status_code}")
        try:
            return HeartbeatReceipt.model_validate_json(answer.content)
        except ValidationError as error:
            raise NotTaken("the api-db answered with something else than a receipt") from error


@dataclass(frozen=True)
class Vitals:
    """What a heartbeat says, read when asked."""

    journal: Journal
    scheduler: Scheduler
    hub: Hub
    concurrency: int
    #: on the disk that fills up
    homes: Path
    capabilities: frozenset[Capability]
    completions: Completions

    async def heartbeat(self) -> Heartbeat:
        memory = psutil.virtual_memory()
        # may wait for a file server
        disk = await asyncio.to_thread(psutil.disk_usage, str(_existing(self.homes)))
        logins = await self.journal.first_logins()
        return Heartbeat(
            version=version("wod-backend-agent"),
            hub=await self._hub_answers(),
            waiting=self.scheduler.waiting,
            running=self.scheduler.running,
            concurrency=self.concurrency,
            cpus=os.cpu_count() or 1,
            load=psutil.getloadavg()[0],
            memory_total=memory.total,
            memory_available=memory.available,
            disk_total=disk.total,
            disk_free=disk.free,
            logins=logins,
            completions=self.completions.of(logins),
            capabilities=sorted(self.capabilities),
        )

    async def _hub_answers(self) -> bool:
        try:
            async with asyncio.timeout(HUB_SECONDS):
                await self.hub.ready()
        except (HubUnavailable, TimeoutError):
            return False
        return True


class Heart:
    """Beats from its start until it is stopped. Nothing that happens here reaches a command."""

    def __init__(
        self,
        vitals: Callable[[], Awaitable[Heartbeat]],
        taker: HeartbeatTaker,
        reconciliation: Reconciliation,
        interval: float = INTERVAL_SECONDS,
        learn: Callable[[HeartbeatReceipt], None] = lambda _receipt: None,
    ) -> None:
        self._vitals = vitals
        self._taker = taker
        self._reconciliation = reconciliation
        self._interval = interval
        self._learn = learn
        self._failures = 0
        self._ever_taken = False
        self._last_taken = time.monotonic()
        self._beating: asyncio.Task[None] | None = None

    @property
    def age(self) -> float:
        """Seconds since a heartbeat was taken, or since the start."""
        return time.monotonic() - self._last_taken

    def start(self) -> None:
        self._beating = asyncio.create_task(self._beat_for_ever())

    async def stop(self) -> None:
        if self._beating:
            self._beating.cancel()
            await asyncio.wait([self._beating])

    async def _beat_for_ever(self) -> None:
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            pause = await self.beat()

    async def beat(self) -> float:
        """Once; the seconds until the next."""
        try:
            await self._beat()
        except NotTaken as error:
            # one that has taken a heartbeat is not an older one: its proxy answers for it while it starts anew
            if isinstance(error, NotOffered) and not self._ever_taken:
                log.info("no heartbeat wanted", why=str(error), again_after=NOT_OFFERED_SECONDS)
                return NOT_OFFERED_SECONDS
            self._note_failure(str(error))
        except Exception as error:  # noqa: BLE001 - the edge: whatever breaks a heartbeat, the next one may succeed
            self._note_failure(f"{type(error).__name__}: {error}")
        return self._interval

    async def _beat(self) -> None:
        # before the api-db is asked: a lab that is deployed meanwhile must not be judged by an answer older than it
        deployed = await self._reconciliation.deployed()
        receipt = await self._taker.take(await self._vitals())
        self._failures = 0
        self._ever_taken = True
        self._last_taken = time.monotonic()
        self._learn(receipt)
        self._reconciliation.compare(deployed, receipt)

    def _note_failure(self, why: str) -> None:
        if self._failures % LOGGED_FAILURES == 0:
            log.warning("heartbeat not taken", why=why, failures=self._failures + 1)
        self._failures += 1


def _existing(path: Path) -> Path:
    """The folder, or the one in which it will be made."""
    return next(folder for folder in (path, *path.parents) if folder.exists())

"""What the watchdog has seen, kept until the api-db has taken it."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import structlog
from prometheus_client import Counter
from pydantic import ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from wod_backend_agent.api_client import NativeApi, NotTaken
from wod_backend_agent.journal import Journal
from wod_backend_agent.reporting import FIRST_GAP_SECONDS, Refused
from wod_common.incidents import Incident, IncidentReceipt

log = structlog.get_logger()

INCIDENTS = Counter("wod_agent_incidents", "What the watchdog has seen, by kind", ["kind"])
LONGEST_GAP_SECONDS = 60.0
#: An api-db without that route is an older one: it will never take this one.
_FINAL = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}


class IncidentTaker(Protocol):
    async def take(self, incident: Incident) -> None:
        """Returns when it is written down; the same one may come again. Raises NotTaken or Refused."""


class NativeIncidents:
    """To our api-db."""

    def __init__(self, api: NativeApi, location: int) -> None:
        self._api = api
        self._path = f"api/v1/locations/{location}/incidents"

    async def take(self, incident: Incident) -> None:
        answer = await self._api.post(self._path, incident.model_dump_json())
        if answer.status_code in _FINAL:
            raise Refused(f"the api-db answered {answer.status_code}")
        if not answer.is_success:
            raise NotTaken(f"the api-db answered {answer.status_code}")
        try:
            IncidentReceipt.model_validate_json(answer.content)
        except ValidationError:
            raise NotTaken("something answered in the api-db's place; is its address right?") from None


class NoIncidents:
    """An original api-db has no place for them: they are in the agent's log."""

    async def take(self, incident: Incident) -> None:
        return


class IncidentBox:
    """One after another, each until it is taken."""

    def __init__(self, journal: Journal, taker: IncidentTaker) -> None:
        self._journal = journal
        self._taker = taker
        self._bell = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._bell.set()
        self._sending = asyncio.create_task(self._send_for_ever())

    async def stop(self) -> None:
        """What has not been taken stays in the journal for the next start."""
        if self._sending:
            self._sending.cancel()
            await asyncio.wait([self._sending])

    async def put(self, incident: Incident) -> None:
        INCIDENTS.labels(incident.kind).inc()
        log.warning("incident in a seat", **incident.model_dump(mode="json", exclude={"at"}))
        await self._journal.keep_incident(incident)
        self._bell.set()

    async def _send_for_ever(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            while incident := await self._journal.next_incident():
                await self._send(incident)
                await self._journal.forget_incident(incident.id)

    async def _send(self, incident: Incident) -> None:
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(NotTaken),
                wait=wait_exponential(multiplier=FIRST_GAP_SECONDS, max=LONGEST_GAP_SECONDS),
                before_sleep=_log_gap(incident),
            ):
                with attempt:
                    await self._taker.take(incident)
        except Refused as error:
            log.warning("incident not told", incident=str(incident.id), why=str(error))


def _log_gap(incident: Incident) -> Callable[[RetryCallState], None]:
    def note(state: RetryCallState) -> None:
        # the first and then one an hour: an api-db that is away for a day must not fill the disk
        if state.attempt_number % 60 == 1:
            why = str(state.outcome.exception()) if state.outcome else ""
            log.warning("incident kept", incident=str(incident.id), why=why)

    return note

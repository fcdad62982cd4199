"""Brings events to whoever owns the registrations, in order per command, until they are taken."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol
from uuid import UUID

import httpx
import structlog
from prometheus_client import Counter
from pydantic import SecretStr, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from wod_backend_agent.api_client import NativeApi, NotTaken
from wod_backend_agent.journal import Journal, PendingReport
from wod_common.commands import Command
from wod_common.events import CommandEvent, CommandEventReceipt, EventType
from wod_common.sealing import CannotOpen, Sealer

log = structlog.get_logger()

DROPPED = Counter("wod_agent_reports_dropped", "Reports that the api-db refused for good")
FIRST_GAP_SECONDS = 0.2
LONGEST_GAP_SECONDS = 5.0
#: Repeating these would be answered the same for ever.
FINAL_REFUSALS = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}


class Refused(Exception):
    """The report will never be taken."""


class Reporter(Protocol):
    @property
    def in_seat_order(self) -> bool:
        """Whether the end of a command may be told only after all that there is to tell of the seat's earlier ones."""

    async def report(self, command: Command, event: CommandEvent) -> None:
        """Returns when the event is stored; the same one may come again. Raises NotTaken or Refused."""


class NativeReporter:
    """To our api-db, which knows the order of a seat's commands by itself."""

    in_seat_order = False

    def __init__(self, api: NativeApi) -> None:
        self._api = api

    async def report(self, command: Command, event: CommandEvent) -> None:
        answer = await self._post(command, event)
        if answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and event.output is not None:
            # an api-db older than the field takes the report without it
            answer = await self._post(command, event.model_copy(update={"output": None}))
        if answer.status_code in FINAL_REFUSALS:
            raise Refused(f"the api-db answered {answer.status_code}")
        if not answer.is_success:
            raise NotTaken(f"the api-db answered {answer.status_code}")
        try:
            CommandEventReceipt.model_validate_json(answer.content)
        except ValidationError:
            raise NotTaken("something answered in the api-db's place; is its address right?") from None

    async def _post(self, command: Command, event: CommandEvent) -> httpx.Response:
        return await self._api.post(f"api/v1/commands/{command.id}/events", event.model_dump_json(exclude_none=True))


class Outbox:
    """A task per command that has something to report, so that none waits for another's."""

    def __init__(self, journal: Journal, reporter: Reporter, sealer: Sealer) -> None:
        self._journal = journal
        self._reporter = reporter
        self._sealer = sealer
        self._bells: dict[UUID, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def resume(self) -> None:
        for command in await self._journal.unreported():
            self.wake(command)

    def wake(self, command: UUID) -> None:
        """The command has a new event."""
        if self._stopped:
            return
        bell = self._bells.get(command)
        if bell is None:
            bell = self._bells[command] = asyncio.Event()
            task = asyncio.create_task(self._drain(command, bell))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        bell.set()

    async def stop(self) -> None:
        """What has not been taken stays in the journal for the next start."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _drain(self, command: UUID, bell: asyncio.Event) -> None:
        try:
            while bell.is_set():
                bell.clear()
                while pending := await self._journal.next_report(command):
                    await self._deliver(pending)
        finally:
            # whatever has stopped this task, the command's next event starts another
            del self._bells[command]

    async def _deliver(self, pending: PendingReport) -> None:
        with structlog.contextvars.bound_contextvars(trace=pending.command.trace or pending.command.id.hex):
            await self._report(pending)

    async def _report(self, pending: PendingReport) -> None:
        try:
            event = self._completed(pending)
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(NotTaken),
                wait=wait_exponential(multiplier=FIRST_GAP_SECONDS, max=LONGEST_GAP_SECONDS),
                before_sleep=_log_gap(pending),
            ):
                with attempt:
                    await self._check_turn(pending)
                    await self._reporter.report(pending.command, event)
        except (Refused, CannotOpen) as error:
            DROPPED.inc()
            log.warning("report dropped", command=str(pending.command.id), number=pending.event.number, why=str(error))
        await self._journal.mark_reported(pending.command.id, pending.event)

    async def _check_turn(self, pending: PendingReport) -> None:
        of_an_end = pending.event.type is EventType.DONE
        if of_an_end and self._reporter.in_seat_order and await self._journal.has_reports_before(pending.command):
            raise NotTaken("an earlier command of the seat is reported first")

    def _completed(self, pending: PendingReport) -> CommandEvent:
        """With what is kept apart from the event, until it is taken."""
        beside: dict[str, object] = {"output": pending.output}
        if pending.event.type is EventType.DONE and pending.sealed_password is not None:
            beside["password"] = SecretStr(self._sealer.open(pending.sealed_password))
        return pending.event.model_copy(update=beside)


def _log_gap(pending: PendingReport) -> Callable[[RetryCallState], None]:
    def note(state: RetryCallState) -> None:
        # the first and then one a minute: an api-db that is away for a day must not fill the disk
        if state.attempt_number % 12 == 1:
            why = str(state.outcome.exception()) if state.outcome else ""
            log.warning("report kept", command=str(pending.command.id), number=pending.event.number, why=why)

    return note

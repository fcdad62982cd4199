"""Brings events to whoever owns the registrations, in order per command, until they are taken."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol
from uuid import UUID

import httpx
import structlog
from pydantic import SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from wod_backend_agent.journal import Journal, PendingReport
from wod_common.commands import Command
from wod_common.events import CommandEvent, EventType
from wod_common.sealing import CannotOpen, Sealer

log = structlog.get_logger()

FIRST_GAP_SECONDS = 0.2
LONGEST_GAP_SECONDS = 5.0
#: Repeating these would be answered the same for ever.
FINAL_REFUSALS = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}


class NotTaken(Exception):
    """The report has to be sent again; the message says why and holds nothing of it."""


class Refused(Exception):
    """The report will never be taken."""


class Reporter(Protocol):
    async def report(self, command: Command, event: CommandEvent) -> None:
        """Returns when the event is stored; the same one may come again. Raises NotTaken or Refused."""


class NativeReporter:
    """To our api-db, with the JWT of the agent's account."""

    def __init__(self, client: httpx.AsyncClient, username: str, password: SecretStr) -> None:
        """``client`` has the api-db's address as its base URL."""
        self._client = client
        self._username = username
        self._password = password
        self._token: str | None = None
        self._login = asyncio.Lock()

    async def report(self, command: Command, event: CommandEvent) -> None:
        token = self._token or await self._log_in(None)
        answer = await self._send(command, event, token)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer = await self._send(command, event, await self._log_in(token))
        if answer.status_code in FINAL_REFUSALS:
            raise Refused(f"the api-db answered {answer.status_code}")
        if not answer.is_success:
            raise NotTaken(f"the api-db answered {answer.status_code}")

    async def _send(self, command: Command, event: CommandEvent, token: str) -> httpx.Response:
        return await self._post(
            f"api/v1/commands/{command.id}/events",
            content=event.model_dump_json(exclude_none=True),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )

    async def _log_in(self, stale: str | None) -> str:
        """Many reports meet the same expired token: the first one renews it."""
        async with self._login:
            if self._token is None or self._token == stale:
                credentials = {"username": self._username, "password": self._password.get_secret_value()}
                answer = await self._post("api/v1/login", json=credentials)
                if not answer.is_success:
                    raise NotTaken(f"the api-db answered {answer.status_code} to the login of {self._username}")
                self._token = _access_token(answer)
            return self._token

    async def _post(
        self, path: str, *, content: str | None = None, json: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return await self._client.post(path, content=content, json=json, headers=headers)
        except httpx.HTTPError as error:
            raise NotTaken(f"the api-db cannot be reached: {type(error).__name__}") from error


def _access_token(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["access_token"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotTaken("the api-db answered the login with something else; is its address right?") from error


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
        try:
            event = self._with_password(pending)
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(NotTaken),
                wait=wait_exponential(multiplier=FIRST_GAP_SECONDS, max=LONGEST_GAP_SECONDS),
                before_sleep=_log_gap(pending),
            ):
                with attempt:
                    await self._reporter.report(pending.command, event)
        except (Refused, CannotOpen) as error:
            log.warning("report dropped", command=str(pending.command.id), number=pending.event.number, why=str(error))
        await self._journal.mark_reported(pending.command.id, pending.event)

    def _with_password(self, pending: PendingReport) -> CommandEvent:
        if pending.event.type is not EventType.DONE or pending.sealed_password is None:
            return pending.event
        return pending.event.model_copy(update={"password": SecretStr(self._sealer.open(pending.sealed_password))})


def _log_gap(pending: PendingReport) -> Callable[[RetryCallState], None]:
    def note(state: RetryCallState) -> None:
        # the first and then one a minute: an api-db that is away for a day must not fill the disk
        if state.attempt_number % 12 == 1:
            why = str(state.outcome.exception()) if state.outcome else ""
            log.warning("report kept", command=str(pending.command.id), number=pending.event.number, why=why)

    return note

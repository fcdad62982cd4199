"""``/commands``: taking commands in, and showing what became of them."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from pydantic import SecretStr
from sse_starlette import EventSourceResponse, ServerSentEvent

from wod_backend_agent.delivery.base import Delivery
from wod_backend_agent.feed import Feed
from wod_backend_agent.journal import Journal
from wod_backend_agent.journal_rows import CommandRecord, HookResult
from wod_backend_agent.order import NotTheHolder, SeatsHeld
from wod_backend_agent.passwords import new_password
from wod_backend_agent.scheduler import Scheduler
from wod_common.bearer import require_token
from wod_common.commands import Command, CommandReceipt, CommandState, Verb
from wod_common.events import CommandEvent
from wod_common.problems import Conflict, NotFound, Problem, Unauthorized, Unprocessable, responses
from wod_common.sealing import Sealer

LATEST = 100
_FINAL = {CommandState.DONE, CommandState.FAILED, CommandState.SUPERSEDED}


#: their seats get a password
_MADE = {Verb.CREATE, Verb.PREPARE}


class UnknownCommand(Problem):
    """The agent has never been given this command"""

    status = NotFound.status
    type = "unknown-command"


@dataclass(frozen=True)
class Intake:
    """The way of a command into the journal and to the scheduler."""

    journal: Journal
    scheduler: Scheduler
    delivery: Delivery
    sealer: Sealer
    location: int
    seats: int

    async def take(self, command: Command) -> CommandReceipt:
        """Raises Unprocessable and Conflict."""
        await self._check(command)
        # made before the journal's one transaction, so that a run after a crash gives the seat the same password
        sealed = self.sealer.seal(new_password()) if command.verb in _MADE else None
        try:
            acceptance = await self.journal.accept(command, sealed)
        except NotTheHolder as error:
            raise Conflict(str(error)) from error
        except SeatsHeld as error:
            raise Unprocessable(str(error)) from error
        if acceptance.runs:
            self.scheduler.submit(command, acceptance.superseded)
        return CommandReceipt(id=command.id, state=acceptance.state)

    async def _check(self, command: Command) -> None:
        if command.location != self.location:
            raise Unprocessable(f"this is location {self.location}, the command is for location {command.location}")
        if (last := command.students[-1]) > self.seats:
            raise Unprocessable(f"student {last} is not of this location: it has 1 to {self.seats}")
        if not self.delivery.knows(command.workshop) and not await self._held(command):
            raise Unprocessable(f"there is no content for {command.workshop} at this location")

    async def _held(self, command: Command) -> bool:
        """A seat can be cleaned, and looked at, after its workshop's content has gone."""
        if command.verb in _MADE:
            return False
        if command.registration is None:
            return True
        seat = await self.journal.seat_of(command)
        return command.registration in {seat.holder, seat.last_holder}


def commands_router(intake: Intake, feed: Feed, tokens: Iterable[SecretStr | None]) -> APIRouter:
    router = APIRouter(
        prefix="/commands",
        tags=["commands"],
        dependencies=[Depends(require_token(*tokens))],
        responses=responses(Unauthorized),
    )
    journal = intake.journal

    @router.post("", status_code=202, responses=responses(Conflict, Unprocessable))
    async def take_command(command: Command) -> CommandReceipt:
        return await intake.take(command)

    @router.get("")
    async def latest_commands() -> list[CommandRecord]:
        return await journal.latest(LATEST)

    @router.get("/{command_id}", responses=responses(UnknownCommand))
    async def one_command(command_id: UUID) -> CommandRecord:
        return await _known(journal, command_id)

    @router.get("/{command_id}/hooks", responses=responses(UnknownCommand))
    async def command_hooks(command_id: UUID) -> list[HookResult]:
        await _known(journal, command_id)
        return await journal.hooks(command_id)

    @router.get("/{command_id}/events", responses=responses(UnknownCommand), response_class=EventSourceResponse)
    async def command_events(command_id: UUID, last_event_id: Annotated[int, Header(ge=0)] = 0) -> EventSourceResponse:
        await _known(journal, command_id)
        return EventSourceResponse(_stream(intake, feed, command_id, last_event_id))

    return router


async def _known(journal: Journal, command: UUID) -> CommandRecord:
    record = await journal.find(command)
    if record is None:
        raise UnknownCommand(f"the agent does not know command {command}")
    return record


async def _stream(intake: Intake, feed: Feed, command: UUID, after: int) -> AsyncIterator[ServerSentEvent]:
    """Ends when nothing more can come."""
    with feed.listen(command) as bell:
        while True:
            bell.clear()
            # asked before the events are read: what is written in between rings the bell
            over = not intake.scheduler.occupied_by(command) and await _is_final(intake.journal, command)
            for event in await intake.journal.events(command, after):
                after = event.number
                yield _server_sent(event)
            if over:
                return
            await bell.wait()


async def _is_final(journal: Journal, command: UUID) -> bool:
    record = await journal.find(command)
    return record is not None and record.state in _FINAL


def _server_sent(event: CommandEvent) -> ServerSentEvent:
    data = event.model_dump_json(exclude_none=True, exclude={"password"})
    return ServerSentEvent(id=str(event.number), event=event.type, data=data)

"""Commands over REST: what agents report, what operators see."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from wod_api_db.accounts.dependencies import Agent, Moderator
from wod_api_db.app_state import SettingsDep
from wod_api_db.commands import reports, repository
from wod_api_db.db import SessionDep
from wod_common.commands import CommandState, Verb
from wod_common.events import CommandEvent, CommandEventReceipt
from wod_common.problems import Forbidden, NotFound, Unauthorized, responses

router = APIRouter(prefix="/api/v1/commands", tags=["commands"])


class CommandView(BaseModel):
    """A command as an operator sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    registration_id: int
    student_id: int
    location_id: int
    verb: Verb
    workshop: str
    generation: int
    sequence: int
    state: CommandState
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    accepted_at: datetime | None
    finished_at: datetime | None
    error: str | None


class CommandList(BaseModel):
    items: list[CommandView]


@router.post("/{command_id}/events", responses=responses(Unauthorized, NotFound, Forbidden))
async def report(
    command_id: UUID, event: CommandEvent, session: SessionDep, agent: Agent, settings: SettingsDep
) -> CommandEventReceipt:
    """An agent's report of a command of its location. Sent again, it is answered like the first time."""
    assert agent.location_id is not None
    state = await reports.take(session, settings, agent.location_id, command_id, event)
    return CommandEventReceipt(state=state)


@router.get("", responses=responses(Unauthorized, Forbidden))
async def list_commands(
    session: SessionDep,
    _: Moderator,
    registration: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> CommandList:
    """The latest commands, for operators."""
    rows = await repository.latest(session, limit, registration)
    return CommandList(items=[CommandView.model_validate(row) for row in rows])

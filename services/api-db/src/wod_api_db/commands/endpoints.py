"""Commands over REST: what agents report, what operators see."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from wod_api_db.accounts.dependencies import Admin, Agent, Moderator
from wod_api_db.app_state import SettingsDep
from wod_api_db.commands import by_hand, reports, repository, retrying
from wod_api_db.commands.by_hand_schemas import OrderByHand, OrderReceipt
from wod_api_db.commands.models import CommandRow
from wod_api_db.commands.schemas import EXAMPLE, CommandDetails, CommandView, ReportView
from wod_api_db.db import SessionDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, TimedPositionDep, timed_page_of
from wod_common.commands import CommandState, Verb
from wod_common.events import CommandEvent, CommandEventReceipt
from wod_common.problems import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/commands", tags=["commands"])


@router.post("/{command_id}/events", responses=responses(Unauthorized, NotFound, Forbidden))
async def report(
    command_id: UUID, event: CommandEvent, session: SessionDep, agent: Agent, settings: SettingsDep
) -> CommandEventReceipt:
    """An agent's report of a command of its location. Sent again, it is answered like the first time."""
    assert agent.location_id is not None
    state = await reports.take(session, settings, agent.location_id, command_id, event)
    return CommandEventReceipt(state=state)


@router.post("", status_code=202, responses=responses(Unauthorized, Forbidden, NotFound, Conflict, Unprocessable))
async def send_by_hand(order: OrderByHand, session: SessionDep, admin: Admin) -> OrderReceipt:
    """Sends a verb to a workshop's seats, one command each, signed and in the order of each seat.

    Where somebody is in one of them nothing is sent: 409 ``seats-held`` names them. With ``force`` their sessions end.
    """
    return await by_hand.send(session, admin, order)


@router.get("", responses=page_example(EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_commands(
    session: SessionDep,
    _: Moderator,
    position: TimedPositionDep,
    registration: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    student: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="The seat's global id")] = None,
    location: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    state: CommandState | None = None,
    verb: Verb | None = None,
) -> Page[CommandView]:
    """Commands, the latest first."""
    query = repository.listed(registration=registration, student=student, location=location, state=state, verb=verb)
    rows, following = await timed_page_of(session, query, CommandRow.created_at, CommandRow.id, position)
    return Page(items=[CommandView.model_validate(row) for row in rows], next=following)


@router.get("/{command_id}", responses=responses(Unauthorized, Forbidden, NotFound))
async def show_command(command_id: UUID, session: SessionDep, _: Moderator) -> CommandDetails:
    """One command with every report of its agent."""
    command = CommandView.model_validate(await retrying.get(session, command_id))
    stored = await repository.reports_of(session, command_id)
    return CommandDetails(**command.model_dump(), reports=[ReportView.model_validate(row) for row in stored])


@router.post("/{command_id}/retry", responses=responses(Unauthorized, Forbidden, NotFound, Conflict))
async def retry_command(command_id: UUID, session: SessionDep, moderator: Moderator) -> CommandView:
    """Sends a command that waits at once."""
    return CommandView.model_validate(await retrying.retry(session, moderator, command_id))

"""Feedback over REST: given by the holder of a personal link, read by operators."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.app_state import SettingsDep
from wod_api_db.db import SessionDep
from wod_api_db.feedback import repository
from wod_api_db.feedback.models import Feedback
from wod_api_db.feedback.schemas import ROW_EXAMPLE, FeedbackRequest, FeedbackRow, FeedbackView
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.registrations.service import by_token
from wod_common.problems import Forbidden, NotFound, Problem, Unauthorized, responses

router = APIRouter(prefix="/api/v1", tags=["registrations"])


class NothingTaken(Problem):
    """Nobody can judge a workshop whose lab was never there."""

    status = HTTPStatus.CONFLICT
    type = "nothing-taken"


@router.put("/registrations/{token}/feedback", responses=responses(NotFound, NothingTaken))
async def give(token: str, request: FeedbackRequest, session: SessionDep, settings: SettingsDep) -> FeedbackView:
    """What the person thinks of the workshop; again, it replaces what was given before."""
    registration = await by_token(session, token, settings, lock=True)
    if registration.ready_at is None:
        raise NothingTaken("this lab was never ready; feedback is about a workshop that was taken")
    await repository.keep(session, registration.id, request)
    return FeedbackView.model_validate(await repository.given(session, registration.id))


@router.get("/registrations/{token}/feedback", responses=responses(NotFound))
async def show(token: str, session: SessionDep, settings: SettingsDep) -> FeedbackView:
    """What was given for this registration."""
    registration = await by_token(session, token, settings)
    given = await repository.given(session, registration.id)
    if given is None:
        raise NotFound("no feedback was given for this registration; PUT gives it")
    return FeedbackView.model_validate(given)


@router.get("/feedback", responses=page_example(ROW_EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_feedback(
    session: SessionDep,
    _: Moderator,
    position: PositionDep,
    workshop: Annotated[str | None, Query(max_length=80, pattern=r"^[^\x00]+$")] = None,
    rating: Annotated[int | None, Query(ge=1, le=5)] = None,
) -> Page[FeedbackRow]:
    """That of the latest registrations first."""
    rows, following = await page_of(session, repository.listing(workshop, rating), Feedback.registration_id, position)
    workshops = await repository.workshops_of(session, [row.registration_id for row in rows])
    return Page(items=[_row(row, workshops[row.registration_id]) for row in rows], next=following)


def _row(row: Feedback, workshop: str) -> FeedbackRow:
    return FeedbackRow(
        rating=row.rating, text=row.text, given_at=row.given_at, registration=row.registration_id, workshop=workshop
    )

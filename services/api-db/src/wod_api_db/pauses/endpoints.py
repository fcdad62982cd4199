"""Pauses and announcements over REST."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.dependencies import Admin, Moderator
from wod_api_db.db import SessionDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.pauses import repository, service
from wod_api_db.pauses.models import Announcement, Pause
from wod_api_db.pauses.schemas import ANNOUNCEMENT_EXAMPLE, AnnouncementView, PauseList, PauseView, Said, Scope
from wod_common.problems import Forbidden, NotFound, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1", tags=["pauses"])

_CHANGES = responses(Unauthorized, Forbidden, NotFound, Unprocessable)


@router.get("/pauses", responses=responses(Unauthorized, Forbidden))
async def list_pauses(session: SessionDep, _: Moderator) -> PauseList:
    """Where registration is paused, and what visitors are told."""
    rows = await repository.all_pauses(session)
    names = await _names(session, rows)
    return PauseList(items=[_pause(row, names) for row in rows])


@router.put("/pauses", responses=_CHANGES)
async def put_pause(said: Said, session: SessionDep, admin: Admin) -> PauseView:
    """Pauses registration everywhere, at a location or for a workshop; again, it changes the text."""
    row = await service.pause(session, admin, said)
    return _pause(row, await _names(session, [row]))


@router.delete("/pauses", status_code=204, responses=_CHANGES)
async def delete_pause(scope: Annotated[Scope, Query()], session: SessionDep, admin: Admin) -> Response:
    """Registration goes on in this scope."""
    await service.resume(session, admin, scope)
    return Response(status_code=204)


@router.post("/announcements", status_code=201, responses=_CHANGES)
async def announce(said: Said, session: SessionDep, admin: Admin) -> AnnouncementView:
    """Tells everyone whose session runs in the scope, and answers how many those are."""
    row = await service.announce(session, admin, said)
    return _announcement(row, await _names(session, [row]))


@router.get(
    "/announcements",
    responses=page_example(ANNOUNCEMENT_EXAMPLE) | responses(Unauthorized, Forbidden, Unprocessable),
)
async def list_announcements(session: SessionDep, _: Moderator, position: PositionDep) -> Page[AnnouncementView]:
    """What was said, the latest first."""
    rows, following = await page_of(session, repository.announcements(), Announcement.id, position)
    names = await _names(session, rows)
    return Page(items=[_announcement(row, names) for row in rows], next=following)


async def _names(session: AsyncSession, rows: Sequence[Pause | Announcement]) -> dict[int, str]:
    return await repository.notebooks(session, {row.workshop_id for row in rows if row.workshop_id is not None})


def _pause(row: Pause, names: dict[int, str]) -> PauseView:
    return PauseView(**_common(row, names))


def _announcement(row: Announcement, names: dict[int, str]) -> AnnouncementView:
    return AnnouncementView(**_common(row, names), id=row.id, sessions=row.sessions)


def _common(row: Pause | Announcement, names: dict[int, str]) -> dict[str, Any]:
    return {
        "location": row.location_id,
        "workshop": names[row.workshop_id] if row.workshop_id is not None else None,
        "text": row.text,
        "created_at": row.created_at,
        "created_by": row.created_by,
    }

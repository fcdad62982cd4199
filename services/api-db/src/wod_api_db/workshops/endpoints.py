"""Workshops over REST."""

from typing import Annotated

from fastapi import APIRouter, Path

from wod_api_db.db import SessionDep
from wod_api_db.workshops import repository
from wod_api_db.workshops.models import Workshop
from wod_api_db.workshops.schemas import WorkshopList, WorkshopView
from wod_common.problems import NotFound, responses

router = APIRouter(prefix="/api/v1/workshops", tags=["workshops"])


@router.get("")
async def list_workshops(session: SessionDep, active: bool | None = None) -> WorkshopList:
    """The catalogue, by priority and name; ``active=true`` leaves out what nobody can register for."""
    rows = await repository.catalogue(session)
    return WorkshopList(
        items=[_view(shop, room, size) for shop, room, size in rows if active is None or shop.active is active]
    )


@router.get("/{notebook}", responses=responses(NotFound))
async def show_workshop(
    notebook: Annotated[str, Path(max_length=80, pattern=r"^[^\x00]+$")], session: SessionDep
) -> WorkshopView:
    """One workshop of the catalogue."""
    rows = await repository.catalogue(session, notebook)
    if not rows:
        raise NotFound(f"there is no workshop {notebook!r}; GET /api/v1/workshops lists them")
    return _view(*rows[0])


def _view(workshop: Workshop, room: int, size: int) -> WorkshopView:
    return WorkshopView(
        notebook=workshop.notebook,
        name=workshop.name,
        description=workshop.description,
        category=workshop.category,
        duration_seconds=int(workshop.duration.total_seconds()),
        presenter=workshop.presenter,
        role=workshop.role,
        avatar=workshop.avatar,
        image=workshop.workshop_img,
        replay_link=workshop.replay_link,
        priority=workshop.priority,
        session_type=workshop.session_type,
        active=workshop.active,
        room=room if workshop.active else 0,
        seats=size,
    )

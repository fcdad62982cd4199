"""The rest of the legacy surface: special badges, and two calls that this platform has no use for and says so."""

from http import HTTPStatus

from sqlalchemy import select

from wod_api_db.app_state import SettingsDep
from wod_api_db.badges.models import SpecialBadge
from wod_api_db.db import SessionDep
from wod_api_db.legacy.answers import Message, answers, refuse
from wod_api_db.legacy.routing import legacy_router
from wod_api_db.legacy.schemas import SpecialBadgeRow

router = legacy_router()
_NOT_DONE = answers(refusals=(404,))


@router.get("/special-badges", responses=answers())
async def list_special_badges(session: SessionDep) -> list[SpecialBadgeRow]:
    badges = (await session.execute(select(SpecialBadge).order_by(SpecialBadge.threshold))).scalars()
    return [SpecialBadgeRow.model_validate(badge) for badge in badges]


@router.post("/emails", response_model=Message, responses=_NOT_DONE)
async def subscribe() -> Message:
    """Always refused: an address is stored for a registration and for nothing else."""
    raise refuse(HTTPStatus.NOT_FOUND, "there is no newsletter here; the address was not stored")


@router.post("/email/send-feedback", response_model=Message, responses=_NOT_DONE)
async def send_feedback(settings: SettingsDep) -> Message:
    """Always refused: a form that lets anyone send mail through this host is not kept open."""
    raise refuse(HTTPStatus.NOT_FOUND, f"nothing was sent; please write to {settings.support}")

"""Badges over REST: public by their token, listed for operators, with pictures."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.app_state import SettingsDep
from wod_api_db.badges import images, repository
from wod_api_db.badges.drawing import special_badge, workshop_badge
from wod_api_db.badges.images import PICTURE, Kind
from wod_api_db.badges.models import Badge, SpecialBadge
from wod_api_db.badges.schemas import ROW_EXAMPLE, BadgeRow, BadgeView, SpecialBadgeList, SpecialBadgeView
from wod_api_db.db import SessionDep
from wod_api_db.openapi import page_example
from wod_api_db.paging import Page, PositionDep, page_of
from wod_api_db.settings import Settings
from wod_api_db.workshops.models import Workshop
from wod_common.problems import Forbidden, NotFound, Unauthorized, responses

router = APIRouter(prefix="/api/v1", tags=["badges"])

IfNoneMatch = Annotated[str | None, Header(max_length=2000)]
SpecialId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Notebook = Annotated[str, Path(max_length=80, pattern=r"^[^\x00]+$")]


@router.get("/badges", responses=page_example(ROW_EXAMPLE) | responses(Unauthorized, Forbidden))
async def list_badges(
    session: SessionDep,
    _: Moderator,
    position: PositionDep,
    workshop: Annotated[str | None, Query(max_length=80, pattern=r"^[^\x00]+$")] = None,
    special: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="A special badge's id")] = None,
) -> Page[BadgeRow]:
    """The latest first."""
    badges, following = await page_of(session, repository.listing(workshop, special), Badge.id, position)
    return Page(items=[_row(badge) for badge in badges], next=following)


@router.get("/badges/{token}", responses=responses(NotFound))
async def show_badge(token: UUID, session: SessionDep, settings: SettingsDep) -> BadgeView:
    """For whoever has been given the link; it names nobody who has not asked for it."""
    badge = await _badge(session, token)
    of = badge.workshop or badge.special
    assert of is not None, "a badge is of a workshop or special"
    return BadgeView(
        token=badge.token,
        workshop=badge.workshop.notebook if badge.workshop else None,
        special_badge=badge.special_badge_id,
        name=of.name,
        description=of.description,
        awarded_at=badge.awarded_at,
        finished=await repository.finished(session, badge.email_key),
        shown_name=badge.shown_name,
        image=images.brought(of.badge_img, settings) or f"/api/v1/badges/{badge.token}/image.svg",
    )


@router.get("/badges/{token}/image.{kind}", response_class=Response, responses=PICTURE | responses(NotFound))
async def show_badge_image(
    token: UUID, kind: Kind, session: SessionDep, settings: SettingsDep, if_none_match: IfNoneMatch = None
) -> Response:
    """600 by 600; the one that the workshop brings, by its link, else drawn here."""
    badge = await _badge(session, token)
    if badge.workshop is not None:
        return await _workshop_image(badge.workshop, kind, settings, if_none_match)
    assert badge.special_badge_id is not None
    return await _special_image(session, badge.special_badge_id, kind, settings, if_none_match)


@router.get("/workshops/{notebook}/badge.{kind}", response_class=Response, responses=PICTURE | responses(NotFound))
async def show_workshop_badge(
    notebook: Notebook, kind: Kind, session: SessionDep, settings: SettingsDep, if_none_match: IfNoneMatch = None
) -> Response:
    """The badge that the workshop gives: 600 by 600; its own, by its link, else drawn here."""
    workshop = await repository.workshop(session, notebook)
    if workshop is None:
        raise NotFound(f"there is no workshop {notebook!r}; GET /api/v1/workshops lists them")
    return await _workshop_image(workshop, kind, settings, if_none_match)


@router.get("/special-badges")
async def list_special_badges(session: SessionDep, settings: SettingsDep) -> SpecialBadgeList:
    """By the number of workshops they take."""
    return SpecialBadgeList(
        items=[
            SpecialBadgeView(
                id=special.id,
                threshold=special.threshold,
                name=special.name,
                title=special.title,
                description=special.description,
                image=images.brought(special.badge_img, settings) or f"/api/v1/special-badges/{special.id}/image.svg",
            )
            for special in await repository.special_badges(session)
        ]
    )


@router.get("/special-badges/{special}/image.{kind}", response_class=Response, responses=PICTURE | responses(NotFound))
async def show_special_badge(
    special: SpecialId, kind: Kind, session: SessionDep, settings: SettingsDep, if_none_match: IfNoneMatch = None
) -> Response:
    """600 by 600; the one that the operator brings, by its link, else drawn here."""
    return await _special_image(session, special, kind, settings, if_none_match)


async def _badge(session: SessionDep, token: UUID) -> Badge:
    badge = await repository.by_token(session, token)
    if badge is None:
        raise NotFound(f"there is no badge {token}; take the link as it was shared")
    return badge


async def _workshop_image(workshop: Workshop, kind: Kind, settings: Settings, if_none_match: str | None) -> Response:
    if link := images.brought(workshop.badge_img, settings):
        return images.redirect(link)
    return await images.answer(workshop_badge(workshop.notebook, workshop.name, settings.brand), kind, if_none_match)


async def _special_image(
    session: SessionDep, identity: int, kind: Kind, settings: Settings, if_none_match: str | None
) -> Response:
    for level, special in enumerate(await repository.special_badges(session)):
        if special.id == identity:
            return await _drawn_special(special, level, kind, settings, if_none_match)
    raise NotFound(f"there is no special badge {identity}; GET /api/v1/special-badges lists them")


async def _drawn_special(
    special: SpecialBadge, level: int, kind: Kind, settings: Settings, if_none_match: str | None
) -> Response:
    if link := images.brought(special.badge_img, settings):
        return images.redirect(link)
    return await images.answer(
        special_badge(level, special.threshold, special.name, settings.brand), kind, if_none_match
    )


def _row(badge: Badge) -> BadgeRow:
    return BadgeRow(
        id=badge.id,
        token=badge.token,
        workshop=badge.workshop.notebook if badge.workshop else None,
        special_badge=badge.special_badge_id,
        registration=badge.registration_id,
        awarded_at=badge.awarded_at,
    )

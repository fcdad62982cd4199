"""What the holder of a personal link may ask for beside changing the session: a mail again, a calendar entry, badges."""

from uuid import UUID

from fastapi import APIRouter, Response

from wod_api_db.app_state import SettingsDep
from wod_api_db.badges import repository as badges
from wod_api_db.badges.models import Badge
from wod_api_db.badges.schemas import EarnedBadge, EarnedBadgeChange, EarnedBadges
from wod_api_db.db import SessionDep
from wod_api_db.mail.calendar import calendar_entry
from wod_api_db.mail.contexts import calendar_context
from wod_api_db.registrations.credentials import send_again
from wod_api_db.registrations.errors import CredentialsRefused
from wod_api_db.registrations.schemas import CredentialsSent
from wod_api_db.registrations.service import by_token
from wod_common.problems import NotFound, responses

router = APIRouter(prefix="/api/v1/registrations", tags=["registrations"])


@router.post("/{token}/credentials", status_code=202, responses=responses(NotFound, CredentialsRefused))
async def mail_credentials(token: str, session: SessionDep, settings: SettingsDep) -> CredentialsSent:
    """Mails user name and password once more, to the address of the registration."""
    registration = await by_token(session, token, settings, lock=True)
    return CredentialsSent(left=await send_again(session, registration))


@router.get(
    "/{token}/calendar.ics",
    response_class=Response,
    responses={200: {"content": {"text/calendar": {}}, "description": "The entry"}, **responses(NotFound)},
)
async def show_calendar(token: str, session: SessionDep, settings: SettingsDep) -> Response:
    """The session as a calendar entry, with the end as it stands; without the password."""
    registration = await by_token(session, token, settings)
    stamp = registration.clock_started_at or registration.created_at
    entry = calendar_entry(calendar_context(registration, settings), stamp)
    if entry is None:
        raise NotFound("the end of this session is not known yet; ask again when the lab is ready")
    return Response(entry, media_type="text/calendar")


@router.get("/{token}/badges", responses=responses(NotFound))
async def earned_badges(token: str, session: SessionDep, settings: SettingsDep) -> EarnedBadges:
    """The badges that this registration has earned, with what their pages say of its person."""
    registration = await by_token(session, token, settings)
    return EarnedBadges(items=[_earned(badge) for badge in await badges.earned(session, registration.id)])


@router.patch("/{token}/badges/{badge}", responses=responses(NotFound))
async def change_badge(
    token: str, badge: UUID, request: EarnedBadgeChange, session: SessionDep, settings: SettingsDep
) -> EarnedBadge:
    """Puts the person's name onto the badge's page, or takes it off."""
    registration = await by_token(session, token, settings, lock=True)
    for earned in await badges.earned(session, registration.id):
        if earned.token == badge:
            earned.shown_name = registration.name if request.show_name else ""
            return _earned(earned)
    raise NotFound("this registration has earned no such badge; GET /registrations/{token}/badges lists them")


def _earned(badge: Badge) -> EarnedBadge:
    of = badge.workshop or badge.special
    assert of is not None, "a badge is of a workshop or special"
    return EarnedBadge(
        token=badge.token, name=of.name, special_badge=badge.special_badge_id, shown_name=badge.shown_name
    )

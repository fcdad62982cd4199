"""Mails over REST: what operators see and do of them, unsubscribing, and reports of mail servers."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.app_state import SettingsDep
from wod_api_db.db import SessionDep
from wod_api_db.mail import optouts, repository, service
from wod_api_db.mail.bounces import LARGEST_REPORT, NoReport, read_report
from wod_api_db.mail.repository import Filters
from wod_api_db.mail.schemas import EXAMPLE, BounceAnswer, MailRow, Unsubscribed
from wod_api_db.mail.states import MailState
from wod_api_db.openapi import page_example
from wod_api_db.paging import LARGEST_ID, Page
from wod_api_db.raw_bodies import OtherMediaType, TooLarge, raw_body, read_body
from wod_api_db.searching import Wanted
from wod_common.problems import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/mails", tags=["mails"])
_TEXT = r"^[^\x00]*$"


async def _filters(
    state: MailState | None = None,
    template: Annotated[str | None, Query(max_length=60, pattern=_TEXT)] = None,
    registration: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    recipient: Annotated[str | None, Query(max_length=254, pattern=_TEXT, description="The whole address")] = None,
    wanted: Wanted = None,
) -> Filters:
    return Filters(state, template, registration, recipient, wanted)


@router.get("", responses=page_example(EXAMPLE) | responses(Unauthorized, Forbidden, Unprocessable))
async def list_mails(
    session: SessionDep,
    _: Moderator,
    filters: Annotated[Filters, Depends(_filters)],
    cursor: Annotated[str | None, Query(max_length=200, description="``next`` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[MailRow]:
    """Every mail with its state, the latest first."""
    rows, following = await repository.page(session, filters, cursor, limit)
    return Page(items=[MailRow.model_validate(row) for row in rows], next=following)


@router.get("/{mail_id}", responses=responses(Unauthorized, Forbidden, NotFound))
async def show_mail(mail_id: UUID, session: SessionDep, _: Moderator) -> MailRow:
    """One mail with its state."""
    return MailRow.model_validate(await service.get(session, mail_id))


@router.post("/{mail_id}/resend", responses=responses(Unauthorized, Forbidden, NotFound, Conflict))
async def resend(mail_id: UUID, session: SessionDep, claims: Moderator) -> MailRow:
    """Sends a mail again that failed or has come back, under the same Message-ID."""
    return MailRow.model_validate(await service.send_again(session, mail_id, claims))


@router.post("/unsubscribe/{token}", responses=responses(NotFound))
async def unsubscribe(token: str, session: SessionDep, settings: SettingsDep) -> Unsubscribed:
    """No more thanks and badges to the address of this link; what a session needs is still sent to it."""
    await optouts.unsubscribe(session, token, settings)
    return Unsubscribed()


async def _report(request: Request) -> bytes:
    return await read_body(request, "message/rfc822", LARGEST_REPORT, "have it returned with headers only")


@router.post(
    "/bounces",
    openapi_extra=raw_body("message/rfc822"),
    responses=responses(Unauthorized, Forbidden, NotFound, TooLarge, OtherMediaType, Unprocessable),
)
async def bounce(session: SessionDep, _: Moderator, raw: Annotated[bytes, Depends(_report)]) -> BounceAnswer:
    """Takes a mail server's report that a mail has come back (RFC 3464, or qmail's letter), as it was received."""
    try:
        report = await asyncio.to_thread(read_report, raw)  # a hostile mail may take its parser long
    except NoReport as error:
        raise Unprocessable(str(error)) from error
    return await service.take_report(session, report)

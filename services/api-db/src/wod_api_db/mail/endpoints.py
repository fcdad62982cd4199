"""Mails over REST: what operators see and do of them, unsubscribing, and reports of mail servers."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from wod_api_db.accounts.dependencies import Moderator
from wod_api_db.app_state import SettingsDep
from wod_api_db.db import SessionDep
from wod_api_db.mail import optouts, repository, service
from wod_api_db.mail.bounces import LARGEST_REPORT, NoReport, read_report
from wod_api_db.mail.repository import Filters
from wod_api_db.mail.schemas import BounceAnswer, MailRow, Unsubscribed
from wod_api_db.mail.states import MailState
from wod_api_db.paging import LARGEST_ID, Page
from wod_common.problems import Conflict, Forbidden, NotFound, Problem, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/mails", tags=["mails"])
_TEXT = r"^[^\x00]*$"


class TooLarge(Problem):
    """The report is too long."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    type = "too-large"


class NoMail(Problem):
    """The body is not of the type message/rfc822."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    type = "unsupported-media-type"


async def _filters(
    state: MailState | None = None,
    template: Annotated[str | None, Query(max_length=60, pattern=_TEXT)] = None,
    registration: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    recipient: Annotated[str | None, Query(max_length=254, pattern=_TEXT, description="The whole address")] = None,
) -> Filters:
    return Filters(state, template, registration, recipient)


@router.get("", responses=responses(Unauthorized, Forbidden, Unprocessable))
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
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "message/rfc822":
        raise NoMail("send the report as it came, with Content-Type: message/rfc822")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_REPORT:
            raise TooLarge(f"a report has at most {LARGEST_REPORT} bytes; have it returned with headers only")
    return bytes(body)


_REPORT_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.post(
    "/bounces",
    openapi_extra=_REPORT_BODY,
    responses=responses(Unauthorized, Forbidden, NotFound, TooLarge, NoMail, Unprocessable),
)
async def bounce(session: SessionDep, _: Moderator, raw: Annotated[bytes, Depends(_report)]) -> BounceAnswer:
    """Takes a mail server's report that a mail has come back (RFC 3464, or qmail's letter), as it was received."""
    try:
        report = await asyncio.to_thread(read_report, raw)  # a hostile mail may take its parser long
    except NoReport as error:
        raise Unprocessable(str(error)) from error
    return await service.take_report(session, report)

"""Booking ranges of seats out of a file of wishes, over REST."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from wod_api_db.accounts.dependencies import Admin
from wod_api_db.db import SessionDep
from wod_api_db.raw_bodies import OtherMediaType, TooLarge, raw_body, read_body
from wod_api_db.wishes import service
from wod_api_db.wishes.schemas import WishReport
from wod_common.plain_yaml import MAX_BYTES
from wod_common.problems import Forbidden, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/seat-wishes", tags=["placements"])
MEDIA_TYPE = "application/yaml"
_EXAMPLE = "Grenoble:\n  WKSHP-API101: 40\n  WKSHP-Docker101: {range: [52, 91], speaker: true}\n"


async def _file(request: Request) -> bytes:
    return await read_body(request, MEDIA_TYPE, MAX_BYTES, "divide the file by locations")


@router.post(
    "",
    openapi_extra=raw_body(MEDIA_TYPE, example=_EXAMPLE),
    responses=responses(Unauthorized, Forbidden, TooLarge, OtherMediaType, Unprocessable),
)
async def book(
    session: SessionDep,
    admin: Admin,
    file: Annotated[bytes, Depends(_file)],
    dry_run: Annotated[bool, Query(description="Answer the difference and change nothing")] = False,
) -> WishReport:
    """Books the seats that workshops wish for at locations. What fits is booked, and stays where it is already.

    Nobody loses his seat, and a workshop without a wish keeps its own. A wish that is refused stays with what it has.
    """
    return await service.book_wishes(session, admin, file, dry_run=dry_run)

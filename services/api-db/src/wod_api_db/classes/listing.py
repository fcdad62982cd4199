"""Which classes a list shows."""

from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy import ColumnElement, select

from wod_api_db.accounts.dependencies import Instructor
from wod_api_db.classes.models import Class
from wod_api_db.classes.service import sees_all
from wod_api_db.registrations.operating import Moment
from wod_api_db.workshops.models import Placement, Workshop
from wod_common.commands import WorkshopName


async def _conditions(
    claims: Instructor,
    workshop: Annotated[WorkshopName | None, Query(description="The folder's name")] = None,
    location: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    since: Annotated[Moment | None, Query(description="Those that end then or later")] = None,
    until: Annotated[Moment | None, Query(description="Those that begin before")] = None,
    over: Annotated[bool | None, Query(description="false leaves out what has ended, true what has not")] = None,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if not sees_all(claims):
        conditions.append(Class.account_id == claims.account_id)
    if workshop is not None:
        conditions.append(
            Class.workshop_id == select(Workshop.id).where(Workshop.notebook == workshop).scalar_subquery()
        )
    if location is not None:
        conditions.append(Class.placement_id.in_(select(Placement.id).where(Placement.location_id == location)))
    if since is not None:
        conditions.append(Class.ends_at >= since)
    if until is not None:
        conditions.append(Class.starts_at < until)
    if over is not None:
        conditions.append(Class.ended_at.is_not(None) if over else Class.ended_at.is_(None))
    return conditions


Conditions = Annotated[list[ColumnElement[bool]], Depends(_conditions)]

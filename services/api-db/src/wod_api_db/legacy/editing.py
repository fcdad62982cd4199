"""Changing a workshop over the legacy wire, by the rules that hold for a ``wod.yml``."""

from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.legacy import repository
from wod_api_db.legacy.answers import flush_or_refuse, refuse
from wod_api_db.legacy.schemas import NewWorkshop, WorkshopChange
from wod_api_db.workshops.definition import WorkshopDefinition
from wod_api_db.workshops.models import Placement, Workshop
from wod_api_db.workshops.needs import lacking, why_refused

_OF_THE_PLACEMENT = {"capacity", "range"}
_NOT_COLUMNS = _OF_THE_PLACEMENT | {"location"}


async def create(session: AsyncSession, wanted: NewWorkshop) -> Workshop:
    """Raises Answer."""
    location = await repository.location_by_fqdn(session, wanted.location)
    if location is None:
        raise refuse(HTTPStatus.CONFLICT, f"there is no location {wanted.location}; GET /api/locations lists them")
    asked = _asked(wanted)
    definition = _checked(asked | {"notebook": wanted.notebook, "content_version": ""})
    row = Workshop(**_columns(definition))
    session.add(row)
    await flush_or_refuse(session, HTTPStatus.CONFLICT, f"there is or was a workshop {wanted.notebook}; PUT changes it")
    if missing := lacking(location, row):
        raise refuse(HTTPStatus.CONFLICT, why_refused(row.notebook, location, missing))
    first, last = definition.range
    session.add(
        Placement(
            workshop_id=row.id,
            location_id=location.id,
            first_seat=first,
            last_seat=last,
            capacity=definition.capacity,
            imported=False,
        )
    )
    await session.flush()
    return row


async def change(session: AsyncSession, row: Workshop, wanted: WorkshopChange) -> None:
    """Only what was sent, and the first placement where capacity or range was. Raises Answer."""
    asked = _asked(wanted)
    placement = None
    if asked.keys() & _OF_THE_PLACEMENT:
        placement = await repository.lock_first_placement(session, row.id)
        if placement is None:
            raise refuse(HTTPStatus.UNPROCESSABLE_ENTITY, f"{row.notebook} has no location, so no capacity and range")
    definition = _checked(_present(row, placement) | asked)
    columns = _columns(definition)
    for field in asked.keys() - _OF_THE_PLACEMENT:
        setattr(row, field, columns[field])
    if placement is not None and "range" in asked:
        _move(placement, definition)
    if placement is not None and wanted.capacity is not None:
        await _leave(session, placement, wanted.capacity)
    await session.flush()
    await session.refresh(row)


def _move(placement: Placement, definition: WorkshopDefinition) -> None:
    if (placement.first_seat, placement.last_seat) != tuple(definition.range):
        placement.first_seat, placement.last_seat = definition.range
        placement.imported = False


async def _leave(session: AsyncSession, placement: Placement, wanted: int) -> None:
    """The workshop's room is the sum over its placements; the first one makes up for the difference."""
    places = (await repository.placements(session, [placement.workshop_id]))[placement.workshop_id]
    if wanted == sum(left for _, left in places):
        return
    elsewhere = sum(left for place, left in places if place.id != placement.id)
    inside = await repository.uncleaned_in(session, placement.id)
    placement.capacity = max(0, wanted - elsewhere) + inside


def _asked(wanted: WorkshopChange) -> dict[str, Any]:
    sent = wanted.model_fields_set & WorkshopChange.model_fields.keys()
    return {name: value for name, value in wanted if name in sent and value is not None}


def _present(row: Workshop, placement: Placement | None) -> dict[str, Any]:
    names = {"notebook", "content_version"} | WorkshopChange.model_fields.keys() - _OF_THE_PLACEMENT
    values = {name: getattr(row, name) for name in names}
    values["duration"] = row.duration.total_seconds() / 3600
    values["capacity"] = placement.capacity if placement else 0
    values["range"] = [placement.first_seat, placement.last_seat] if placement else [1, 1]
    return values


def _checked(values: dict[str, Any]) -> WorkshopDefinition:
    try:
        return WorkshopDefinition.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{item['loc'][0]}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors())
        raise refuse(HTTPStatus.UNPROCESSABLE_ENTITY, wrong) from error


def _columns(definition: WorkshopDefinition) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in definition
        if name not in _NOT_COLUMNS
    }

"""``/api/location``."""

from http import HTTPStatus

from sqlalchemy import delete

from wod_api_db.audit.service import record
from wod_api_db.db import SessionDep
from wod_api_db.legacy import repository, views
from wod_api_db.legacy.access import Admin
from wod_api_db.legacy.answers import TOKEN, Answer, Empty, answers, failed, refuse
from wod_api_db.legacy.routing import Id, legacy_router
from wod_api_db.legacy.schemas import LocationChange, LocationRow
from wod_api_db.locations.models import Location
from wod_api_db.students.models import Student

router = legacy_router()


@router.get("/locations", responses=answers())
async def list_locations(session: SessionDep) -> list[LocationRow]:
    return [views.location(row) for row in await repository.locations(session)]


@router.get("/location/{location_id}", responses=answers(text=400))
async def show_location(location_id: Id, session: SessionDep) -> LocationRow:
    location = await session.get(Location, location_id)
    if location is None:
        raise Answer(400, "Location Not Found")
    return views.location(location)


@router.put("/location/{location_id}", responses=answers(refusals=(*TOKEN, 409)))
async def change_location(location_id: Id, change: LocationChange, session: SessionDep, claims: Admin) -> LocationRow:
    """Where its labs and its command mails go. ``basestdid`` is part of every student's id and stays."""
    location = await session.get(Location, location_id, with_for_update={"key_share": True})
    if location is None:
        raise failed()
    if change.basestdid not in {None, location.basestdid}:
        message = f"basestdid is {location.basestdid}: the ids of this location's students hang on it, it stays"
        raise refuse(HTTPStatus.CONFLICT, message)
    if change.name is not None:
        location.fqdn = change.name
    location.proto = change.proto or location.proto
    location.port = change.port or location.port
    await session.flush()
    asked = change.model_dump(exclude_none=True)
    await record(session, claims, "location.update", "location", location_id, **asked)
    return views.location(location)


@router.delete("/location/{location_id}", response_model=Empty, responses=answers(refusals=(*TOKEN, 409)))
async def delete_location(location_id: Id, session: SessionDep, claims: Admin) -> Empty:
    """Only one that nothing was ever given at."""
    location = await session.get(Location, location_id, with_for_update=True)
    if location is None:
        raise failed()
    if await repository.is_used(session, location_id):
        raise refuse(
            HTTPStatus.CONFLICT, f"{location.fqdn} has or had workshops, registrations or an account; drain it instead"
        )
    await session.execute(delete(Student).where(Student.location_id == location_id))
    await session.delete(location)
    await session.flush()
    await record(session, claims, "location.delete", "location", location_id)
    return Empty()

"""Locations over REST: operators see and change them, agents report."""

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.dependencies import Admin, Agent, Moderator
from wod_api_db.app_state import SettingsDep
from wod_api_db.db import SessionDep
from wod_api_db.locations import heartbeats, incidents, repository, service
from wod_api_db.locations.schemas import LocationChange, LocationList, LocationPath, LocationView, NewLocation
from wod_api_db.locations.views import view
from wod_common.heartbeat import Heartbeat, HeartbeatReceipt
from wod_common.incidents import Incident, IncidentReceipt
from wod_common.problems import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/locations", tags=["locations"])

_CHANGES = responses(Unauthorized, Forbidden, NotFound, Conflict, Unprocessable)


async def _shown(session: AsyncSession, location_id: int) -> LocationView:
    for location, load in await repository.with_load(session, location_id):
        return view(location, load)
    raise service.unknown(location_id)


@router.get("", responses=responses(Unauthorized, Forbidden))
async def list_locations(session: SessionDep, _: Moderator) -> LocationList:
    """Every location with its load and its health."""
    return LocationList(items=[view(*row) for row in await repository.with_load(session)])


@router.get("/{location_id}", responses=responses(Unauthorized, Forbidden, NotFound))
async def show_location(location_id: LocationPath, session: SessionDep, _: Moderator) -> LocationView:
    """One location with its load and its health."""
    return await _shown(session, location_id)


@router.post("", status_code=201, responses=responses(Unauthorized, Forbidden, Conflict, Unprocessable))
async def create_location(
    location: NewLocation, session: SessionDep, admin: Admin, settings: SettingsDep
) -> LocationView:
    """A new location with its seats. Its interval of global ids may not overlap another one's."""
    await service.create(session, admin, settings, location)
    return await _shown(session, location.id)


@router.patch("/{location_id}", responses=_CHANGES)
async def change_location(
    location_id: LocationPath, change: LocationChange, session: SessionDep, admin: Admin, settings: SettingsDep
) -> LocationView:
    """More seats are there at once; fewer are refused while one of them is needed."""
    await service.change(session, admin, settings, location_id, change)
    return await _shown(session, location_id)


@router.delete("/{location_id}", status_code=204, responses=responses(Unauthorized, Forbidden, NotFound, Conflict))
async def delete_location(location_id: LocationPath, session: SessionDep, admin: Admin) -> Response:
    """Only while nothing refers to it; a location that has been in use is drained."""
    await service.delete(session, admin, location_id)
    return Response(status_code=204)


@router.post("/{location_id}/drain", responses=responses(Unauthorized, Forbidden, NotFound))
async def drain_location(location_id: LocationPath, session: SessionDep, admin: Admin) -> LocationView:
    """It takes nobody new; who is in stays until his end. Repeatable."""
    await service.drain(session, admin, location_id, drained=True)
    return await _shown(session, location_id)


@router.post("/{location_id}/undrain", responses=responses(Unauthorized, Forbidden, NotFound))
async def undrain_location(location_id: LocationPath, session: SessionDep, admin: Admin) -> LocationView:
    """It takes people again. Repeatable."""
    await service.drain(session, admin, location_id, drained=False)
    return await _shown(session, location_id)


@router.post("/{location_id}/heartbeat", responses=responses(Unauthorized, Forbidden, NotFound))
async def report_heartbeat(
    location_id: LocationPath, heartbeat: Heartbeat, session: SessionDep, agent: Agent
) -> HeartbeatReceipt:
    """How the location does; answered with its seats in use, of which every other one is free or on its way to be."""
    if agent.location_id != location_id:
        raise Forbidden(f"{agent.username} reports for location {agent.location_id}, not for {location_id}")
    return await heartbeats.take(session, location_id, heartbeat)


@router.post("/{location_id}/incidents", responses=responses(Unauthorized, Forbidden, NotFound))
async def report_incident(
    location_id: LocationPath, incident: Incident, session: SessionDep, agent: Agent
) -> IncidentReceipt:
    """What the location's watchdog has ended in a seat, or would have. Sent again, it is answered like the first time."""
    if agent.location_id != location_id:
        raise Forbidden(f"{agent.username} reports for location {agent.location_id}, not for {location_id}")
    return await incidents.take(session, agent, location_id, incident)

"""A location as operators see it."""

from wod_api_db.locations.heartbeats import why_unhealthy
from wod_api_db.locations.models import Location
from wod_api_db.locations.repository import Load
from wod_api_db.locations.schemas import LocationView, SeatCounts
from wod_api_db.students.states import StudentState

_CLEANING = (StudentState.CLEANING, StudentState.RESETTING)
_IN_USE = (StudentState.ASSIGNED, StudentState.PREPARING, StudentState.READY)


def view(location: Location, load: Load) -> LocationView:
    return LocationView(
        **{name: getattr(location, name) for name in _COPIED},
        has_agent_token=location.sealed_agent_token is not None,
        seats=_seats(load),
        commands_waiting=load.commands,
        running_registrations=load.running,
        healthy=load.healthy,
        unhealthy_reason=None if load.healthy else why_unhealthy(location.name, silent=load.silent),
        paused=load.paused,
    )


_COPIED = (
    "id",
    "name",
    "fqdn",
    "basestdid",
    "gate_host",
    "gate_port",
    "admin_user",
    "hub_url",
    "proto",
    "port",
    "transport",
    "agent_url",
    "drained_at",
    "last_heartbeat_at",
    "capabilities",
    "health",
)


def _seats(load: Load) -> SeatCounts:
    return SeatCounts(
        total=sum(load.seats.values()),
        free=load.seats.get(StudentState.FREE, 0),
        in_use=sum(load.seats.get(state, 0) for state in _IN_USE),
        cleaning=sum(load.seats.get(state, 0) for state in _CLEANING),
        broken=load.seats.get(StudentState.BROKEN, 0),
    )

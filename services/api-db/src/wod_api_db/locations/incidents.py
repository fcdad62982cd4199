"""What an agent's watchdog has seen in a seat: a part of the registration's story, and a notice to the operator."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.notices.service import notify
from wod_api_db.registrations import lifecycle, repository
from wod_api_db.registrations.models import Registration
from wod_common.incidents import Incident, IncidentKind, IncidentReceipt

EVENT = "incident"


async def take(session: AsyncSession, agent: Claims, location_id: int, incident: Incident) -> IncidentReceipt:
    """Once, however often it is told. One of nobody's that is told again is one more notice and nothing else."""
    registration = await _registration(session, location_id, incident)
    if registration is None:
        await notify(session, EVENT, _sentence(incident), location_id=location_id)
        return IncidentReceipt(registration=None)
    if not await repository.has_incident(session, registration.id, str(incident.id)):
        shown = incident.model_dump(mode="json", include={"kind", "program", "processes", "ended"})
        await lifecycle.tell(session, registration, EVENT, incident=str(incident.id), **shown)
        text = f"{_sentence(incident)}; GET /api/v1/registrations/by-id/{registration.id} shows whose it is"
        await notify(session, EVENT, text, location_id=location_id, registration_id=registration.id)
        await record(session, agent, "registration.incident", "registration", registration.id, **shown)
    return IncidentReceipt(registration=registration.id)


async def _registration(session: AsyncSession, location_id: int, incident: Incident) -> Registration | None:
    """The one the agent names, if it has or had that seat: an agent speaks of its own location's alone."""
    if incident.registration is None:
        return None
    registration = await repository.lock(session, incident.registration)
    if registration is None or registration.location_id != location_id or registration.student is None:
        return None
    return registration if registration.student.number == incident.student else None


_SEEN = {
    IncidentKind.PROGRAM: "{program}, which is not allowed, ran",
    IncidentKind.CPU: "{program} kept a processor busy for too long",
    IncidentKind.OVERTIME: "{program} still ran after the session's end",
    IncidentKind.LEFTOVER: "{program} ran although nobody is let in",
}


def _sentence(incident: Incident) -> str:
    seen = _SEEN[incident.kind].format(program=incident.program or "a program without a name")
    done = "ended" if incident.ended else "not ended: look at it"
    count = "1 process" if incident.processes == 1 else f"{incident.processes} processes"
    return f"in the seat student{incident.student} {seen} ({count}, {done})"

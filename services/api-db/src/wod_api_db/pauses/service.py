"""Pausing registration, and speaking to those whose sessions run."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.pauses import repository
from wod_api_db.pauses.models import Announcement, Pause
from wod_api_db.pauses.schemas import Said, Scope
from wod_common.problems import NotFound


async def pause(session: AsyncSession, claims: Claims, said: Said) -> Pause:
    """Nobody is registered in the scope from now on. Raises NotFound."""
    row = await repository.put(session, await _scope(session, said), said.text, claims.username)
    await record(session, claims, "pause.put", "pause", _name(said), text=said.text)
    return row


async def resume(session: AsyncSession, claims: Claims, scope: Scope) -> None:
    """Raises NotFound."""
    if not await repository.remove(session, await _scope(session, scope)):
        raise NotFound(f"registration is not paused {_name(scope)}; GET /api/v1/pauses lists the pauses")
    await record(session, claims, "pause.delete", "pause", _name(scope))


async def announce(session: AsyncSession, claims: Claims, said: Said) -> Announcement:
    """Everyone whose session runs in the scope is told at once. Raises NotFound."""
    scope = await _scope(session, said)
    row = Announcement(
        location_id=scope[0],
        workshop_id=scope[1],
        text=said.text,
        created_by=claims.username,
        sessions=await repository.tell_running(session, scope, said.text),
    )
    session.add(row)
    await session.flush()
    await record(session, claims, "announcement.create", "announcement", row.id, text=said.text, scope=_name(said))
    return row


async def _scope(session: AsyncSession, scope: Scope) -> repository.ScopeIds:
    if scope.location is not None and not await repository.location_exists(session, scope.location):
        raise NotFound(f"there is no location {scope.location}; GET /api/v1/locations lists them")
    if scope.workshop is None:
        return scope.location, None
    workshop_id = await repository.workshop_id(session, scope.workshop)
    if workshop_id is None:
        raise NotFound(f"there is no workshop {scope.workshop}; GET /api/v1/workshops lists them")
    return None, workshop_id


def _name(scope: Scope) -> str:
    if scope.location is not None:
        return f"at location {scope.location}"
    return f"for {scope.workshop}" if scope.workshop is not None else "everywhere"

"""The line as the one who stands in it sees it."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.waiting import repository
from wod_api_db.waiting.schemas import LineView

_IN_LINE = (RegistrationState.WAITING, RegistrationState.OFFERED)


async def view(session: AsyncSession, registration: Registration) -> LineView | None:
    """None of one that does not wait (any more)."""
    if registration.state not in _IN_LINE or registration.waiting_since is None:
        return None
    line = await repository.line_of(session, registration)
    waits = registration.state is RegistrationState.WAITING
    return LineView(
        place=line.before + 1 if waits else None,
        length=line.length,
        counted_to=repository.COUNTED_TO,
        waiting_since=registration.waiting_since,
        moved_at=line.moved_at,
        waited_seconds=int(line.waited.total_seconds()) if line.waited is not None else None,
        offer_ends_at=registration.offer_ends_at,
    )

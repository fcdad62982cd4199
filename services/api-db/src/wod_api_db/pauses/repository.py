"""Every query about pauses and announcements."""

from collections.abc import Sequence

from sqlalchemy import Select, delete, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.columns import state_in
from wod_api_db.db import now
from wod_api_db.locations.models import Location
from wod_api_db.pauses.models import Announcement, Pause
from wod_api_db.registrations.models import Registration, RegistrationEvent
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.workshops.models import Workshop

_RUNNING = state_in(RegistrationState.RUNNING, RegistrationState.EXPIRING)

#: location, workshop; None and None is everywhere
ScopeIds = tuple[int | None, int | None]


async def location_exists(session: AsyncSession, location_id: int) -> bool:
    return (await session.execute(select(Location.id).where(Location.id == location_id))).first() is not None


async def workshop_id(session: AsyncSession, notebook: str) -> int | None:
    return (await session.execute(select(Workshop.id).where(Workshop.notebook == notebook))).scalar_one_or_none()


async def notebooks(session: AsyncSession, workshops: set[int]) -> dict[int, str]:
    query = select(Workshop.id, Workshop.notebook).where(Workshop.id.in_(workshops))
    return {row[0]: row[1] for row in await session.execute(query)}


async def all_pauses(session: AsyncSession) -> Sequence[Pause]:
    return (await session.execute(select(Pause).order_by(Pause.id))).scalars().all()


async def put(session: AsyncSession, scope: ScopeIds, text: str, by: str) -> Pause:
    """A pause of this scope that is there already says the new text."""
    values = {"text": text, "created_by": by}
    statement = upsert(Pause).values(location_id=scope[0], workshop_id=scope[1], **values)
    statement = statement.on_conflict_do_update(
        index_elements=[Pause.location_id, Pause.workshop_id], set_=values | {"created_at": now}
    )
    found = await session.execute(statement.returning(Pause).execution_options(populate_existing=True))
    return found.scalar_one()


async def remove(session: AsyncSession, scope: ScopeIds) -> bool:
    """False where there was none."""
    statement = delete(Pause).where(
        Pause.location_id.is_not_distinct_from(scope[0]), Pause.workshop_id.is_not_distinct_from(scope[1])
    )
    return (await session.execute(statement.returning(Pause.id))).first() is not None


async def tell_running(session: AsyncSession, scope: ScopeIds, text: str) -> int:
    """An event in the story of every session that runs in the scope; how many there are.

    A session that is just changing is waited for and left out where it has ended.
    """
    running = (
        select(
            Registration.id,
            literal("announcement").label("type"),
            Registration.state,
            literal({"text": text}, JSONB()).label("data"),
        )
        .where(_RUNNING)
        .order_by(Registration.id)
        .with_for_update(read=True, key_share=True)
    )
    if scope[0] is not None:
        running = running.where(Registration.location_id == scope[0])
    if scope[1] is not None:
        running = running.where(Registration.workshop_id == scope[1])
    written = (
        insert(RegistrationEvent)
        .from_select(["registration_id", "type", "state", "data"], running)
        .returning(RegistrationEvent.id)
        .cte("written")
    )
    return (await session.execute(select(func.count()).select_from(written))).scalar_one()


def announcements() -> Select[Announcement]:
    return select(Announcement)

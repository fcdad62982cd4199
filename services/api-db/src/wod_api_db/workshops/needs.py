"""What a workshop needs of a location, and what becomes of placements where that cannot be had."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from wod_api_db.db import now
from wod_api_db.locations.models import Location
from wod_api_db.notices.service import notify
from wod_api_db.workshops.models import Placement, Workshop
from wod_common.capabilities import Capability, named

NOTICE = "placement-refused"


def lacking(location: Location, workshop: Workshop) -> set[Capability]:
    """What the location cannot do of what the workshop needs; one that has never told anything is not judged."""
    if location.capabilities is None:
        return set()
    asked = {
        Capability.VARPASS: workshop.varpass,
        Capability.LDAP: workshop.ldap,
        Capability.COMPILE: bool(workshop.compile),
        Capability.HOOKS: workshop.hooks,
        Capability.APPLIANCE: workshop.monoappliance or workshop.multiappliance,
    }
    return {need for need, is_asked in asked.items() if is_asked and need not in location.capabilities}


def why_refused(notebook: str, location: Location, missing: set[Capability]) -> str:
    return (
        f"{notebook} cannot be given at {location.name}, whose delivery lacks what it needs ({named(missing)}); "
        "give it at a location that delivers through Ansible"
    )


async def learn(session: AsyncSession, location_id: int, told: Sequence[Capability] | None) -> None:
    """Keeps what the agent tells of its location. Where that has changed, placements that cannot be are closed.

    Locks the location (but its key, which who registers needs), then placements, as operators do.
    """
    if told is None:
        return
    capabilities = sorted(told)
    query = select(Location).where(Location.id == location_id, Location.capabilities.is_distinct_from(capabilities))
    location = (await session.execute(query.with_for_update(key_share=True))).scalar_one_or_none()
    if location is None:
        return
    location.capabilities = [str(capability) for capability in capabilities]
    for placement in await _open_placements(session, location_id):
        if missing := lacking(location, placement.workshop):
            placement.closed_at = now
            why = why_refused(placement.workshop.notebook, location, missing)
            await notify(session, NOTICE, f"{why}. It takes nobody there any more", location_id=location_id)
    await session.flush()


async def _open_placements(session: AsyncSession, location_id: int) -> Sequence[Placement]:
    query = (
        select(Placement)
        .join(Placement.workshop)
        .options(contains_eager(Placement.workshop))
        .where(Placement.location_id == location_id, Placement.closed_at.is_(None), Workshop.retired_at.is_(None))
        .order_by(Placement.id)
        .with_for_update(of=Placement)
    )
    return (await session.execute(query)).scalars().all()

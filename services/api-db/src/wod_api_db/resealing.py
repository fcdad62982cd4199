"""What is sealed at rest is moved to the new secret, so that the old one can go; see ``wod_common.keys``."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from wod_api_db.db import make_engine, make_sessions
from wod_api_db.locations.models import Location
from wod_api_db.settings import Settings
from wod_api_db.students.models import Student
from wod_common.sealing import Sealer


async def reseal(settings: Settings) -> int:
    """How many secrets were moved. Raises CannotOpen for one that neither secret opens; nothing is changed then."""
    engine = make_engine(settings, pool_size=1)
    try:
        async with make_sessions(engine).begin() as session:
            seats = await _reseal(session, Student.id, Student.sealed_password, settings.passwords)
            return seats + await _reseal(session, Location.id, Location.sealed_agent_token, settings.agent_tokens)
    finally:
        await engine.dispose()


async def _reseal(
    session: AsyncSession, key: InstrumentedAttribute[Any], column: InstrumentedAttribute[str | None], sealer: Sealer
) -> int:
    rows = (await session.execute(select(key, column).where(column.is_not(None)).with_for_update())).all()
    for identity, sealed in rows:
        await session.execute(update(key.class_).where(key == identity).values({column.key: sealer.reseal(sealed)}))
    return len(rows)

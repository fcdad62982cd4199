"""What the sweep does about age: old registrations lose their person, and nothing grows for ever."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.classes import rosters_repository as rosters
from wod_api_db.persons import repository
from wod_api_db.persons.pseudonymising import pseudonymise
from wod_api_db.settings import Settings

#: registrations in one sweep: each takes some ten short statements
BATCH = 20

#: What the queue remembers of jobs that are over serves to look into last week's trouble.
_QUEUE_LOG = timedelta(days=7)
_IDEMPOTENCY = timedelta(hours=24)
_DEAD_WORKER = timedelta(days=1)

#: Each looks at no more than the oldest rows, by an index: identities rise with time.
_PRUNE = (
    (
        """UPDATE registrations SET idempotency_key = NULL, request_hash = NULL WHERE id IN (
            SELECT id FROM registrations WHERE idempotency_key IS NOT NULL AND created_at < now() - CAST(:age AS interval)
            ORDER BY created_at LIMIT 200 FOR UPDATE SKIP LOCKED)""",
        _IDEMPOTENCY,
    ),
    (
        """DELETE FROM pgqueuer_log WHERE id IN (
            SELECT id FROM pgqueuer_log WHERE created < now() - CAST(:age AS interval)
            ORDER BY created LIMIT 1000 FOR UPDATE SKIP LOCKED)""",
        _QUEUE_LOG,
    ),
    (
        """DELETE FROM pgqueuer_statistics WHERE id IN (
            SELECT id FROM (SELECT id, created FROM pgqueuer_statistics ORDER BY id LIMIT 1000) AS oldest
            WHERE created < now() - CAST(:age AS interval))""",
        _QUEUE_LOG,
    ),
    ("DELETE FROM workers WHERE seen_at < now() - CAST(:age AS interval)", _DEAD_WORKER),
)
_PRUNE_NOTICES = """DELETE FROM notices WHERE id IN (
    SELECT id FROM (SELECT id, at FROM notices ORDER BY id LIMIT 1000) AS oldest WHERE at < now() - CAST(:age AS interval))"""

#: Of a registration they go with its person; these are of commands for nobody.
_PRUNE_OUTPUTS = """UPDATE command_events SET data = data - 'output' WHERE (command_id, number) IN (
    SELECT command_id, number FROM command_events
    WHERE data ? 'output' AND received_at < now() - CAST(:age AS interval)
    ORDER BY received_at LIMIT 200 FOR UPDATE SKIP LOCKED)"""


async def retire(sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
    """A batch of each; several workers share the work."""
    async with sessions.begin() as session:
        for registration in await repository.claim_old(session, settings.retention, BATCH):
            await pseudonymise(session, registration, settings)
    async with sessions.begin() as session:
        for registration in await repository.claim_erasing(session, BATCH):
            await pseudonymise(session, registration, settings)
    async with sessions.begin() as session:
        await rosters.forget(session, await rosters.of_old_classes(session, settings.retention, BATCH))
    async with sessions.begin() as session:
        for statement, age in (*_PRUNE, (_PRUNE_NOTICES, settings.retention), (_PRUNE_OUTPUTS, settings.retention)):
            await session.execute(text(statement), {"age": age})

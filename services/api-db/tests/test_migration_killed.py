"""Processes killed while a database of the first release is upgraded: it is the old one or the new one, and nobody is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from api_support import seed_document, write_workshop
from mail_support import Mailbox, listening
from process_support import environment_of, running, serving, until

from wod_api_db.settings import Settings
from wod_demo.ports import free_port

HEAD = "SELECT version_num FROM alembic_version"
TABLES = "SELECT array_agg(table_name::text ORDER BY 1) FROM information_schema.tables WHERE table_schema = 'public'"
#: each registration with what one transaction writes beside it
WHOLE = """
SELECT r.email, r.state, s.state,
    (SELECT count(*) FROM commands AS c WHERE c.registration_id = r.id AND c.verb = 'CREATE'),
    (SELECT count(*) FROM mails AS m WHERE m.registration_id = r.id AND m.template = 'welcome'),
    (SELECT count(*) FROM registration_events AS e WHERE e.registration_id = r.id AND e.type = 'registered')
FROM registrations AS r JOIN students AS s ON s.id = r.student_id ORDER BY r.id
"""
#: stops whoever comes to a certain statement, until we let go; a real lock, which the upgrade gives up after some seconds
HOLD = """
CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_query() LIKE '{statement}' THEN PERFORM pg_advisory_xact_lock({key}); END IF;
END $$;
CREATE EVENT TRIGGER hold ON ddl_command_start EXECUTE FUNCTION hold();
SELECT pg_advisory_lock({key});
"""
KEY = 7
WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
WHERE NOT granted AND datname = current_database() AND locktype = $1
"""
LEFT = """
SELECT (SELECT count(*) FROM mails WHERE state <> 'sent'), (SELECT count(*) FROM commands WHERE sent_at IS NULL)
"""
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass
class Installation:
    """A database that the first release has made, and what its processes are started with."""

    look: "asyncpg.Connection[asyncpg.Record]"
    then: dict[str, str]
    now: dict[str, str]

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.look.fetch(query)]

    async def manage(self, environment: dict[str, str], *words: str) -> None:
        async with running("wod_api_db.manage", environment, *words) as child:
            assert await child.wait() == 0

    @asynccontextmanager
    async def half_way(self, statement: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The upgrade, stopped before this statement, with all that it has done so far in its hands."""
        await self.look.execute(HOLD.format(statement=statement, key=KEY))
        async with running("wod_api_db.manage", self.now, "migrate") as child:
            await until(lambda: self.somebody_waits_for("advisory"))
            yield child

    async def let_go(self) -> None:
        await self.look.execute(f"SELECT pg_advisory_unlock({KEY})")

    async def somebody_waits_for(self, kind: str) -> bool:
        return bool(await self.look.fetchval(WAITING, kind))

    async def alone(self) -> None:
        """Nothing of the killed is at work any more: a connection that waits does not see that its client is gone."""

        async def nobody_else() -> bool:
            return not await self.look.fetchval(OTHERS)

        await until(nobody_else)


@pytest.fixture
async def installation(empty: Settings, first_release: str, tmp_path: Path) -> AsyncIterator[Installation]:
    port = free_port()
    now = environment_of(empty, relay_port=port)
    look = await asyncpg.connect(empty.plain_database_url)
    made = Installation(look, now | {"PYTHONPATH": first_release}, now)
    write_workshop(tmp_path / "notebooks")
    seed = tmp_path / "seed.json"
    document = seed_document(tmp_path / "notebooks")
    seed.write_text(json.dumps(document | {"location": document["location"] | {"gate_port": port}}))
    await made.manage(made.then, "migrate")
    await made.manage(made.then, "seed", str(seed))
    with listening(Mailbox(), port):
        yield made
    await look.close()


async def register(url: str, email: str) -> httpx.Response:
    form = {"workshop": "WKSHP-API101", "name": "Ada", "email": email, "terms_version": "1"}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        return await client.post("/api/v1/registrations", json=form)


#: in the middle, and the very last thing that it changes
STATEMENTS = ("%CREATE INDEX classes_booked %", "%FUNCTION take_offer(%")


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_killed_upgrade_leaves_the_schema_as_it_was_and_the_next_one_succeeds(
    installation: Installation, statement: str
) -> None:
    async with serving(installation.then) as (url, _):
        assert (await register(url, "before@example.org")).status_code == 201
    tables = await installation.rows(TABLES)
    async with installation.half_way(statement) as upgrade:
        upgrade.kill()
        await upgrade.wait()
    await installation.let_go()
    await installation.alone()
    assert await installation.rows(HEAD) == [("0001",)]
    assert await installation.rows(TABLES) == tables
    async with serving(installation.then) as (url, _):
        assert (await register(url, "meanwhile@example.org")).status_code == 201
    await installation.manage(installation.now, "migrate")
    async with serving(installation.now) as (url, _):
        assert (await register(url, "after@example.org")).status_code == 201
    people = ["before@example.org", "meanwhile@example.org", "after@example.org"]
    assert await installation.rows(WHOLE) == [whole(email) for email in people]


async def test_an_api_and_a_worker_killed_during_the_upgrade_lose_nobody(installation: Installation) -> None:
    async with AsyncExitStack() as stack:
        url, api = await stack.enter_async_context(serving(installation.then))
        worker = await stack.enter_async_context(running("wod_api_db.worker", installation.then))
        assert (await register(url, "before@example.org")).status_code == 201
        async with installation.half_way(STATEMENTS[-1]) as upgrade:
            in_hand = asyncio.create_task(register(url, "meanwhile@example.org"))

            async def is_in_the_middle() -> bool:
                # the upgrade may have stepped back, and let it through
                return in_hand.done() or await installation.somebody_waits_for("relation")

            await until(is_in_the_middle)
            for process in (api, worker):
                process.kill()
                await process.wait()
            with suppress(httpx.TransportError):
                await in_hand
            await installation.let_go()
            assert await upgrade.wait() == 0
        await installation.alone()
        url, _ = await stack.enter_async_context(serving(installation.now))
        await stack.enter_async_context(running("wod_api_db.worker", installation.now))
        assert (await register(url, "meanwhile@example.org")).status_code in {201, 409}
        assert (await register(url, "after@example.org")).status_code == 201
        people = ["before@example.org", "meanwhile@example.org", "after@example.org"]
        assert await installation.rows(WHOLE) == [whole(email) for email in people]

        async def all_on_their_way() -> bool:
            return await installation.rows(LEFT) == [(0, 0)]

        await until(all_on_their_way)


def whole(email: str) -> tuple[object, ...]:
    return (email, "registered", "assigned", 1, 1, 1)


async def test_an_upgrade_that_has_to_wait_makes_nobody_else_wait(installation: Installation) -> None:
    async with serving(installation.then) as (url, _), installation.half_way(STATEMENTS[-1]) as upgrade:
        # what it has changed is locked, until it steps back
        assert (await register(url, "meanwhile@example.org")).status_code == 201
        assert upgrade.returncode is None
        await installation.let_go()
        assert await upgrade.wait() == 0
    assert await installation.rows(WHOLE) == [whole("meanwhile@example.org")]

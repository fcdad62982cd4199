"""A backup is the database again, row by row; and rows of the first schema live on in today's."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from api_support import AgentDouble, Api
from sqlalchemy.ext.asyncio import create_async_engine

from wod_api_db.backing_up import CannotRestore, backup, restore
from wod_api_db.migrating import alembic_config, migrate
from wod_api_db.models import Base
from wod_api_db.settings import Settings

#: as the code of the first release writes them: with the columns that its schema has
_ROWS_OF_THEN = """
INSERT INTO locations (id, name, fqdn, basestdid, seats, gate_host, hub_url)
    VALUES ({n}, 'Place {n}', 'place{n}.test', {n} * 1000, 2, 'gate.test', 'http://hub.test');
INSERT INTO students (id, location_id, number, state, generation) VALUES ({n} * 1000 + 1, {n}, 1, 'assigned', 1);
INSERT INTO workshops (id, notebook, name, description, active, priority, reset, ldap, varpass, compile, replay_link,
    workshop_img, badge_img, beta, category, duration, presenter, role, avatar, monoappliance, multiappliance,
    session_type, alternate_location, content_version)
    VALUES ({n}, 'WKSHP-Then{n}', 'Then', '', true, 1, false, false, false, '[]', '', '', '', false, '[]', '2 hours',
    '', '', '', false, false, 'Workshops-on-Demand', '[]', 'abc');
INSERT INTO placements (id, workshop_id, location_id, first_seat, last_seat, capacity) VALUES ({n}, {n}, {n}, 1, 2, 2);
INSERT INTO registrations (state, workshop_id, placement_id, location_id, student_id, generation, name, email,
    email_key, company, terms_version, link_nonce, duration, range_first, content_version)
    VALUES ('running', {n}, {n}, {n}, {n} * 1000 + 1, 1, 'Ada', 'ada{n}@then.test', 'ada{n}@then.test', '', '1', 'x',
    '2 hours', 1, 'abc');
"""
#: a row of each kind that a registration does not leave by itself
_EVERYTHING_ELSE = """
INSERT INTO pauses (text, created_by, workshop_id) SELECT 'Back at noon.', 'operator', id FROM workshops;
INSERT INTO announcements (text, created_by, sessions) VALUES ('Lunch is served.', 'operator', 1);
INSERT INTO notices (kind, text) VALUES ('seat-broken', E'two\nlines');
INSERT INTO audit (username, action, object_type, object_id) VALUES ('operator', 'location.drain', 'location', '1');
INSERT INTO mail_optouts (email_key) VALUES ('bea@example.org');
INSERT INTO feedback (registration_id, rating, text) SELECT id, 5, 'Gr\u00fc\u00dfe' FROM registrations;
INSERT INTO badges (email_key, workshop_id, registration_id)
    SELECT email_key, workshop_id, id FROM registrations;
INSERT INTO classes (code, title, instructor, workshop_id, placement_id, seats, speaker_seat, starts_at, ends_at,
    opens_at, deploy_from)
    SELECT 'ABCD-EFGH', 'Monday', 'ines', workshop_id, id, 1, false, now(), now() + interval '1 h', now(), now()
    FROM placements;
INSERT INTO class_invitations (class_id, email, email_key, name)
    SELECT id, 'bea@example.org', 'bea@example.org', 'Bea' FROM classes;
"""
#: not of the platform's data: the queue's own, and what says which schema this is
_NOT_KEPT = {"alembic_version", "pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics"}
_TABLES = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
_SEQUENCES = """
SELECT table_name::text, column_name::text, pg_get_serial_sequence(table_name, column_name) AS sequence
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> ALL ($1) AND pg_get_serial_sequence(table_name, column_name) IS NOT NULL
"""


async def contents(settings: Settings) -> dict[str, list[str]]:
    connection = await asyncpg.connect(settings.plain_database_url)
    found = {}
    for table in Base.metadata.sorted_tables:
        if table.name != "workers":
            rows = await connection.fetch(f'SELECT t::text FROM "{table.name}" AS t ORDER BY 1')
            found[table.name] = [row[0] for row in rows]
    await connection.close()
    return found


async def execute(settings: Settings, statement: str) -> Any:
    connection = await asyncpg.connect(settings.plain_database_url)
    try:
        return await connection.execute(statement)
    finally:
        await connection.close()


async def numbered_on(settings: Settings) -> bool:
    """Every table is one that is looked at, and what numbers its rows goes on behind the last one."""
    connection = await asyncpg.connect(settings.plain_database_url)
    tables = {row[0] for row in await connection.fetch(_TABLES)}
    assert tables - _NOT_KEPT == set(Base.metadata.tables)
    found = await connection.fetch(_SEQUENCES, list(_NOT_KEPT))
    assert len(found) > 5
    for table, column, sequence in found:
        last = await connection.fetchval(f'SELECT max("{column}") FROM "{table}"')
        assert await connection.fetchval("SELECT nextval($1::text::regclass)", sequence) == last + 1, table
    await connection.close()
    return True


async def test_a_backup_is_restored_into_a_new_database_and_equal(
    api: Api, agent: AgentDouble, settings: Settings, empty: Settings, tmp_path: Path
) -> None:
    await api.register()
    await agent.finish("CREATE", password="pass-word-1")
    await execute(settings, _EVERYTHING_ELSE)
    file = tmp_path / "wod.backup"
    await backup(settings, file)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        await backup(settings, file)
    await restore(empty, file)
    restored = await contents(empty)
    assert restored == await contents(settings)
    assert [table for table, rows in restored.items() if not rows] == []
    assert await numbered_on(empty)
    with pytest.raises(CannotRestore, match="in use already"):
        await restore(empty, file)


async def test_a_backup_of_another_schema_is_refused(settings: Settings, empty: Settings, tmp_path: Path) -> None:
    await execute(settings, "UPDATE alembic_version SET version_num = '0001'")
    await backup(settings, tmp_path / "old")
    with pytest.raises(CannotRestore, match="schema 0001"):
        await restore(empty, tmp_path / "old")


async def test_rows_of_the_first_schema_are_upgraded_and_its_code_can_write_on(empty: Settings) -> None:
    engine = create_async_engine(empty.database_url.get_secret_value())
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "0001"))
    await engine.dispose()
    await execute(empty, _ROWS_OF_THEN.format(n=1))
    await migrate(empty)
    rows = await contents(empty)
    assert "ada1@then.test" in rows["registrations"][0]
    # a process of the first release that has not been stopped yet
    await execute(empty, _ROWS_OF_THEN.format(n=2))
    assert len((await contents(empty))["registrations"]) == 2

"""What has ever been registered costs nothing: no statement of the daily work reads it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from api_support import AgentDouble, Api, seed_of, settings_for, write_workshop
from history import fill
from plans import Explained, explained
from sqlalchemy.ext.asyncio import AsyncEngine

from wod_api_db.seeding import seed
from wod_api_db.sweep import sweep
from wod_demo.postgres import Postgres

ENDED = 3000
SEATS = 40
#: more than any statement has a reason to read of one table: every seat, for every workshop
BOUND = 10 * SEATS


@pytest.fixture(scope="module")
async def template(
    template: str, postgres: Postgres, command_key: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """An installation that has been in use for long, at rest."""
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f"CREATE DATABASE template_old TEMPLATE {template}")
    await connection.close()
    settings = settings_for(postgres.url.replace("/postgres", "/template_old"), command_key)
    folder = tmp_path_factory.mktemp("notebooks")
    for number in range(1, 5):
        write_workshop(folder, f"WKSHP-API10{number}", capacity=10, first=number * 10 - 9, last=number * 10)
    await seed(settings, seed_of(folder, SEATS))
    await fill(settings.plain_database_url, ENDED)
    return "template_old"


def engine_of(api: Api) -> AsyncEngine:
    engine: AsyncEngine = api.sessions.kw["bind"]
    return engine


def wrong(statements: list[Explained]) -> list[str]:
    return [
        f"{node.kind} of {node.table}, {node.rows:.0f} rows: {found.statement}"
        for found in statements
        for node in found.nodes
        if node.rows > BOUND or node.scans_history
    ]


async def _registration(api: Api, _: AgentDouble) -> None:
    assert (await api.register("new@example.org")).status_code == 201
    assert (await api.register("new@example.org")).status_code == 409


async def _catalogue(api: Api, _: AgentDouble) -> None:
    assert len((await api.http.get("/api/v1/workshops?q=fresh")).json()["items"]) == 0
    assert (await api.http.get("/api/v1/workshops/WKSHP-API101")).status_code == 200


async def _page(api: Api, _: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    assert (await api.http.get(f"/api/v1/registrations/{token}")).status_code == 200


async def _life(api: Api, agent: AgentDouble) -> None:
    """The agent's reports, and a sweep for every deadline."""
    await api.register()
    await agent.finish("CREATE", password="secret")
    for deadline in ("expiring_at", "ends_at"):
        await api.change(f"UPDATE registrations SET {deadline} = now() WHERE state IN ('running', 'expiring')")
        await sweep(api.sessions, "worker")
    await agent.finish("CLEANUP", completion=50)
    await agent.finish("PURGE")
    assert await api.value("SELECT completion FROM registrations ORDER BY id DESC LIMIT 1") == 50


async def _stuck(api: Api, _: AgentDouble) -> None:
    await api.register()
    await api.change("UPDATE registrations SET stuck_at = now() WHERE state = 'registered'")
    await sweep(api.sessions, "worker")
    assert await api.value("SELECT state FROM registrations ORDER BY id DESC LIMIT 1") == "failed"


async def _idle(api: Api, _: AgentDouble) -> None:
    await sweep(api.sessions, "worker")


@pytest.mark.parametrize("act", [_registration, _catalogue, _page, _life, _stuck, _idle])
async def test_the_past_is_not_read(
    api: Api, agent: AgentDouble, act: Callable[[Api, AgentDouble], Awaitable[None]]
) -> None:
    async with explained(engine_of(api)) as statements:
        await act(api, agent)
    assert statements
    assert wrong(statements) == []


#: What the test itself asks of the rows has no index to go by.
OWN = (
    "SELECT email",
    "UPDATE mails SET state",
    "UPDATE placements SET capacity",
    "UPDATE registrations SET offer_ends_at",
)
LINE = """
INSERT INTO registrations (state, workshop_id, name, email, email_key, company, terms_version, link_nonce, duration,
    content_version, waiting_since, wait_ends_at, offer_limit)
SELECT 'waiting', w.id, 'Ada', n || '@line.test', n || '@line.test', '', '1', 'nonce', w.duration, w.content_version,
    now() - interval '1 hour' + n * interval '1 second', now() + interval '1 day', interval '15 minutes'
FROM workshops w, generate_series(1, 3000) AS n WHERE w.notebook = 'WKSHP-API101'
"""


async def _the_line_moves(api: Api, agent: AgentDouble) -> None:
    """Who joins it looks where he stands, and leaves; a seat comes free, is offered, not taken, passed on, and taken."""
    token = (await api.register("last@example.org", wait=True)).json()["token"]
    line = (await api.http.get(f"/api/v1/registrations/{token}")).json()["line"]
    assert line["place"] == line["length"] == line["counted_to"] + 1
    assert (await api.http.post(f"/api/v1/registrations/{token}/end")).status_code == 200
    await api.change("UPDATE placements SET capacity = 1 WHERE workshop_id = 1")
    await sweep(api.sessions, "worker")
    await api.change("UPDATE mails SET state = 'sent' WHERE template = 'offer'")
    await api.change("UPDATE registrations SET offer_ends_at = now() WHERE state = 'offered'")
    await sweep(api.sessions, "worker")
    assert await api.rows("SELECT email FROM registrations WHERE state = 'offered'") == [("2@line.test",)]


@pytest.mark.parametrize("index", [None, "registrations_line"])
async def test_a_line_of_thousands_is_not_read(api: Api, agent: AgentDouble, index: str | None) -> None:
    """And where its index is missing this is noticed."""
    await api.change("UPDATE placements SET capacity = 0 WHERE workshop_id = 1")
    await api.change(LINE)
    await api.change("ANALYZE registrations")  # as PostgreSQL does by itself when a table has changed so much
    if index is not None:
        await api.change(f"DROP INDEX {index}")
    async with explained(engine_of(api)) as statements:
        await _the_line_moves(api, agent)
    ours = [found for found in statements if not found.statement.startswith(OWN)]
    assert bool(wrong(ours)) == (index is not None), wrong(ours)


@pytest.mark.parametrize(
    ("index", "act"),
    [
        ("mails_due", _idle),
        ("registration_events_story", _page),
    ],
)
async def test_a_missing_index_is_noticed(
    api: Api, agent: AgentDouble, index: str, act: Callable[[Api, AgentDouble], Awaitable[None]]
) -> None:
    """The proof that the tests above can fail."""
    await api.change(f"DROP INDEX {index}")
    async with explained(engine_of(api)) as statements:
        await act(api, agent)
    assert wrong(statements)

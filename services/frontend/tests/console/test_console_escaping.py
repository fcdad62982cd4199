"""Texts of every row that somebody else fills, as markup: no page of the console takes them for its own.

And the proof that this can fail: a console that does not escape has each of them run as a script.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from api_support import AgentDouble, Api
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import serve
from services.frontend.tests.console.console_kit import Visit, running

from wod_frontend.app import create_app
from wod_frontend.settings import Settings

ATTACK = "'\"><script>hit('{}')</script>"
#: table, columns, the row whose page is looked at
POISON = (
    ("workshops", ("name", "description", "presenter", "role", "pre_requisite"), "notebook = 'WKSHP-API101'"),
    ("registrations", ("name", "email", "company", "terms_version", "failure"), "id = :registration"),
    ("mails", ("recipient", "error"), "id = :mail"),
    ("commands", ("error",), "id = :command"),
    ("classes", ("title",), "id = :taught"),
    ("class_invitations", ("name", "email"), "class_id = :taught"),
    ("pauses", ("text", "created_by"), "location_id IS NULL AND workshop_id IS NULL"),
    ("announcements", ("text", "created_by"), "id = (SELECT max(id) FROM announcements)"),
    ("notices", ("text",), "id = (SELECT max(id) FROM notices)"),
    ("locations", ("name",), "id = 1"),
    ("accounts", ("email",), "username = 'nobody'"),
)
#: of JSON, which is filled by the calls that fill it everywhere
SAID = {"event.message", "report.output", "audit.reason"}


def attack(field: str) -> str:
    return ATTACK.format(field)


def hits(page: str) -> set[str]:
    """The fields whose script a browser would run."""
    return set(re.findall(r"<script>hit\('([\w.]+)'\)", page))


def read(page: str) -> set[str]:
    """The fields whose attack is read as what it is."""
    return set(re.findall(r"&lt;script&gt;hit\(&#39;([\w.]+)&#39;", page))


@pytest.fixture
async def poisoned(api: Api, agent: AgentDouble, admin: Visit) -> AsyncIterator[list[str]]:
    """The pages of rows that attack."""
    rows = await _rows(api, agent, admin)
    undo: list[tuple[str, dict[str, object]]] = []
    try:
        for table, columns, where in POISON:
            given = {name: value for name, value in rows.items() if f":{name}" in where}
            for column in columns:
                before = await api.value(f"SELECT {column} FROM {table} WHERE {where}", **given)
                undo.append((f"UPDATE {table} SET {column} = :before WHERE {where}", given | {"before": before}))
                change = f"UPDATE {table} SET {column} = :attack WHERE {where}"
                await api.change(change, attack=attack(f"{table}.{column}"), **given)
        yield _paths(rows)
    finally:
        for statement, values in reversed(undo):
            await api.change(statement, **values)
        await api.change("DELETE FROM pauses")


async def _rows(api: Api, agent: AgentDouble, admin: Visit) -> dict[str, object]:
    number = await running(api, agent, f"poison{datetime.now(UTC).timestamp()}@example.org")
    command = await api.value("SELECT id FROM commands WHERE registration_id = :i", i=number)
    # what comes late is a report all the same
    await agent.report(command, "progress", step="server", message=attack("event.message"))
    await agent.report(command, "done", output=attack("report.output"))
    start = datetime.now(UTC) + timedelta(days=20)
    form = {
        "workshop": "WKSHP-API101",
        "title": "Poison",
        "seats": "1",
        "starts_at": f"{start:%Y-%m-%dT%H:%M}",
        "ends_at": f"{start + timedelta(hours=1):%Y-%m-%dT%H:%M}",
    }
    assert (await admin.act("new-class", **form)).status_code == 303
    taught = await api.value("SELECT max(id) FROM classes")
    invited = f"/console/classes/{taught}"
    await admin.send(f"{invited}/roster", invited, text="email,name\nguest@example.org,Guest\n")
    await admin.act("pause", text="x")
    await admin.act("announce", text="x")
    await api.change("INSERT INTO notices (kind, text) VALUES ('poison', 'x')")
    await admin.act("extend", number, minutes="5", reason=attack("audit.reason"))
    mail = await api.value("SELECT id FROM mails WHERE registration_id = :i LIMIT 1", i=number)
    student = await api.value("SELECT student_id FROM commands WHERE id = :i", i=command)
    return {"registration": number, "mail": mail, "command": command, "taught": taught, "student": student}


def _paths(rows: dict[str, object]) -> list[str]:
    names = (
        "registrations classes workshops locations students commands mails notices pauses announcements accounts audit"
    )
    number = rows["registration"]
    return [
        "/console",
        *(f"/console/{name}" for name in names.split()),
        f"/console/registrations/{number}",
        f"/console/students/{rows['student']}",
        f"/console/commands/{rows['command']}",
        f"/console/classes/{rows['taught']}",
        f"/console/classes/{rows['taught']}/poster",
        "/console/workshops/WKSHP-API101",
        "/console/locations/1",
        f"/console/acts/end?id={number}",
        f"/console/acts/change-class?id={rows['taught']}",
        "/console/acts/new-class",
        "/workshops",
        "/workshops/WKSHP-API101",
    ]


async def _seen(client: httpx.AsyncClient, paths: list[str]) -> str:
    found = ""
    for path in paths:
        answer = await client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        found += answer.text
    return found


def _all() -> set[str]:
    return SAID | {f"{table}.{column}" for table, columns, _ in POISON for column in columns}


async def test_what_people_write_is_read_on_every_page_and_run_on_none(admin: Visit, poisoned: list[str]) -> None:
    seen = await _seen(admin.http, poisoned)
    assert hits(seen) == set()
    assert _all() - read(seen) == set()


@pytest.mark.usefixtures("no_escaping")
async def test_without_escaping_each_of_them_is_a_script(
    backend: tuple[Api, str], sessions: dict[str, httpx.Cookies], poisoned: list[str]
) -> None:
    settings = Settings(api_url=AnyHttpUrl(backend[1]), secret=SecretStr("only-for-the-tests-of-the-console"))
    async with (
        serve(create_app(settings)) as url,
        httpx.AsyncClient(base_url=url, timeout=30, cookies=sessions["operator"]) as client,
    ):
        seen = await _seen(client, poisoned)
    assert _all() - hits(seen) == set()

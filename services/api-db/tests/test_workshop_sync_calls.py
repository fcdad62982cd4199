"""Synchronising as operators ask for it: over REST and on the command line."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from api_support import ADMIN, AGENT, Api, settings_for, write_workshop
from sqlalchemy import text
from test_workshop_syncing import edit

from wod_api_db.settings import Settings
from wod_api_db.workshops.synchronising import LOCK


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    write_workshop(folder)
    return folder


@pytest.fixture
async def with_content(api: Api, settings: Settings, content: Path) -> Api:
    api.app.state.settings = settings.model_copy(update={"content": f"{content}::{content.parent / 'private'}"})
    (content.parent / "private").mkdir()
    return api


async def test_an_admin_syncs_over_rest(with_content: Api, content: Path) -> None:
    api, path = with_content, "/api/v1/workshops/sync"
    edit(content, "priority: 1", "priority: 7")
    headers = await api.login(ADMIN)
    dry = await api.http.post(path, params={"dry_run": True}, headers=headers)
    assert dry.json()["applied"] is False
    assert await api.value("SELECT priority FROM workshops") == 1
    wet = await api.http.post(path, headers=headers)
    assert {"workshop": "WKSHP-API101", "field": "priority", "old": "1", "new": "7"} in wet.json()["changed"]
    assert await api.value("SELECT priority FROM workshops") == 7
    audit = await api.rows("SELECT username, action, data->'applied', data->'changed' FROM audit ORDER BY id")
    assert audit == [
        ("operator", "workshop.sync", False, ["WKSHP-API101"]),
        ("operator", "workshop.sync", True, ["WKSHP-API101"]),
    ]


async def test_only_an_admin_syncs(with_content: Api) -> None:
    assert (await with_content.http.post("/api/v1/workshops/sync")).status_code == 401
    headers = await with_content.login(AGENT)
    assert (await with_content.http.post("/api/v1/workshops/sync", headers=headers)).status_code == 403


async def test_without_content_folders_there_is_nothing_to_sync(api: Api) -> None:
    answer = await api.http.post("/api/v1/workshops/sync", headers=await api.login(ADMIN))
    assert (answer.status_code, "set WOD_API_CONTENT" in answer.json()["detail"]) == (409, True)


async def test_one_sync_at_a_time(with_content: Api) -> None:
    headers = await with_content.login(ADMIN)
    async with with_content.sessions.begin() as other:
        await other.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        assert (await with_content.http.post("/api/v1/workshops/sync", headers=headers)).status_code == 409
    assert (await with_content.http.post("/api/v1/workshops/sync", headers=headers)).status_code == 200


async def _manage(settings: Settings, *arguments: str, content: str = "") -> tuple[int, str, str]:
    """Runs the command as an operator does."""
    environment = {
        "PATH": os.environ["PATH"],
        "WOD_API_DATABASE_URL": settings.plain_database_url,
        "WOD_API_SECRET": settings.secret.get_secret_value(),
        "WOD_API_COMMAND_KEY": str(settings.command_key),
        "WOD_API_CONTENT": content,
    }
    command = [sys.executable, "-m", "wod_api_db.manage", "sync", *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


async def test_the_command_line_prints_the_difference(api: Api, settings: Settings, content: Path) -> None:
    write_workshop(content, "WKSHP-New", first=10, last=12)
    write_workshop(content, "WKSHP-Wrong", duration="soon")
    code, out, _ = await _manage(settings, "--dry-run", str(content))
    lines = out.splitlines()
    assert (code, lines[0]) == (1, "created   WKSHP-New")
    assert lines[1].startswith(f"refused   {content}/WKSHP-Wrong/wod.yml:18: duration is 'soon'")
    assert await api.value("SELECT count(*) FROM workshops") == 1
    shutil.rmtree(content / "WKSHP-Wrong")
    code, out, _ = await _manage(settings, content=f"{content}")
    assert (code, out) == (0, "created   WKSHP-New\n")
    assert await api.rows("SELECT username, account_id, data->'created' FROM audit") == [
        ("manage", None, ["WKSHP-New"])
    ]
    code, out, said = await _manage(settings)
    assert (code, out) == (2, "")
    assert "no content folder" in said


def test_content_folders_are_separated_by_colons(tmp_path: Path) -> None:
    settings = settings_for("postgresql://x", tmp_path / "key", content="/a:/b::")
    assert settings.content_folders == [Path("/a"), Path("/b")]

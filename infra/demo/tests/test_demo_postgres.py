"""PostgreSQL as the demo runs it: data stays, root is dropped, a crash is survived."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import psutil
import pytest

from wod_demo.postgres import Postgres, reachable_by
from wod_demo.settings import Ports


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "data", Ports.free().pg, "geheim", durable=False)
    yield server
    server.stop()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Other users may pass through it; pytest's own folders are private, and each session makes them so again."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def execute(server: Postgres, statement: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_data_outlives_a_restart(server: Postgres) -> None:
    server.start()
    await execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    assert not server.answers()
    server.start()
    assert await execute(server, "SELECT answer FROM kept") == 42


async def test_a_wrong_password_is_refused(server: Postgres) -> None:
    server.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url.replace("geheim", "falsch"))


def owners(server: Postgres) -> set[int]:
    found = [process.info for process in psutil.process_iter(["cmdline", "uids"])]
    return {info["uids"].real for info in found if str(server.data) in (info["cmdline"] or [])}


@pytest.mark.skipif(os.geteuid() != 0, reason="concerns a start by root")
async def test_started_by_root_it_runs_as_somebody_else(open_folder: Path) -> None:
    server = Postgres(open_folder / "data", Ports.free().pg, "geheim", durable=False)
    _, uid = server.prepare()
    server.start()
    try:
        assert owners(server) == {uid or 0}
        assert await execute(server, "SELECT 1") == 1
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="concerns a start by root")
async def test_root_in_a_private_folder_uses_a_namespace(server: Postgres, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    command, uid = server.prepare()
    assert (command[0], uid) == ("unshare", None)
    server.start()
    assert await execute(server, "SELECT 1") == 1


def test_a_private_folder_is_not_reachable_by_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert not reachable_by(os.geteuid() + 1, tmp_path)

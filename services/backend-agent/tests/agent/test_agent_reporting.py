import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from agent_api_db import ApiDb
from agent_doubles import Agent, a_command, free_port, served, until
from pydantic import SecretStr

from wod_backend_agent.api_client import NativeApi
from wod_backend_agent.journal import Journal
from wod_backend_agent.journal_rows import HookResult
from wod_backend_agent.reporting import NativeReporter, Outbox
from wod_common.sealing import Sealer

SEALER = Sealer("what seals the journal", "agent-journal")


class Reporting:
    """A journal and an outbox that reports to an api-db."""

    def __init__(self, folder: Path, client: httpx.AsyncClient) -> None:
        reporter = NativeReporter(NativeApi(client, "agent", SecretStr("agent's password")))
        self.journal = Journal(folder / "journal.sqlite", self.changed)
        self.outbox = Outbox(self.journal, reporter, SEALER)

    def changed(self, command: UUID) -> None:
        self.outbox.wake(command)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def reporting(tmp_path: Path, port: int) -> AsyncIterator[Reporting]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        parts = Reporting(tmp_path, client)
        yield parts
        await parts.outbox.stop()
        parts.journal.close()


async def test_reports_are_repeated_until_taken_and_stay_in_order(reporting: Reporting, port: int) -> None:
    api, command = ApiDb(), a_command()
    api.answers = [503, 500, 401]
    async with served(api.app, port):
        await reporting.journal.accept(command, SEALER.seal("a seat's password"))
        await reporting.journal.begin(command.id)
        reporting.journal.note(command.id, "account", 10, "Your account is made", 0.1)
        await reporting.journal.finish_create(command, "a hash", 1.0)
        await until(lambda: len(api.types(command.id)) == 3)
    assert api.types(command.id) == ["accepted", "progress", "done"]
    assert [event["number"] for event in api.events[str(command.id)]] == [1, 2, 3]
    assert api.events[str(command.id)][-1]["password"] == "a seat's password"
    await until(lambda: _erased(reporting, command.id))


async def _erased(reporting: Reporting, command: UUID) -> bool:
    return await reporting.journal.sealed_password(command) is None


async def test_reports_wait_for_an_api_db_that_is_away(reporting: Reporting, port: int) -> None:
    api, command = ApiDb(), a_command()
    await reporting.journal.accept(command, SEALER.seal("a seat's password"))
    async with served(api.app, port):
        await until(lambda: api.types(command.id) == ["accepted"])


@pytest.mark.parametrize("refusal", [404, 409, 422])
async def test_a_refused_report_is_dropped_and_the_next_one_sent(reporting: Reporting, port: int, refusal: int) -> None:
    api, command = ApiDb(), a_command()
    api.answers = [refusal]
    async with served(api.app, port):
        await reporting.journal.accept(command, None)
        await reporting.journal.fail(command.id, "no room on the disk", 1.0)
        await until(lambda: api.types(command.id) == ["failed"])
    assert await reporting.journal.next_report(command.id) is None


async def test_what_was_printed_goes_with_the_last_report_and_stays_no_longer(
    reporting: Reporting, port: int, tmp_path: Path
) -> None:
    api, command = ApiDb(), a_command()
    await reporting.journal.accept(command, SEALER.seal("a seat's password"))
    await reporting.journal.begin(command.id)
    await reporting.journal.keep_output(command.id, "of a run that a crash has cut off")
    await reporting.journal.begin(command.id)
    await reporting.journal.keep_output(command.id, "TASK [Clean a seat]\nchanged")
    hook = HookResult(hook="create-WKSHP-API101.sh", ended="exit 0", seconds=0.25, output="made the account\n")
    await reporting.journal.keep_hook(command.id, hook)
    await reporting.journal.finish_create(command, "a hash", 1.0)
    async with served(api.app, port):
        await until(lambda: len(api.types(command.id)) == 2)
        await until(lambda: _erased(reporting, command.id))
    assert [event.get("output") for event in api.events[str(command.id)]] == [
        None,
        "TASK [Clean a seat]\nchanged\nHOOK [create-WKSHP-API101.sh] exit 0, 0.25 s\nmade the account\n",
    ]
    await reporting.journal.keep_output(command.id, "of something that came too late")
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as journal:
        assert journal.execute("SELECT count(*) FROM outputs").fetchone() == (0,)


async def test_an_api_db_that_does_not_know_the_output_gets_the_report_without_it(
    reporting: Reporting, port: int
) -> None:
    api, command = ApiDb(), a_command()
    api.answers = [200, 422]
    async with served(api.app, port):
        await reporting.journal.accept(command, None)
        await reporting.journal.begin(command.id)
        await reporting.journal.keep_output(command.id, "TASK [Clean a seat]")
        await reporting.journal.fail(command.id, "no room on the disk", 1.0)
        await until(lambda: api.types(command.id) == ["accepted", "failed"])
    assert "output" not in api.events[str(command.id)][-1]
    assert api.events[str(command.id)][-1]["error"] == "no room on the disk"


async def test_an_expired_login_is_renewed_once_for_all(reporting: Reporting, port: int) -> None:
    api, commands = ApiDb(), [a_command(student=student) for student in range(1, 6)]
    async with served(api.app, port):
        await reporting.journal.accept(commands[0], None)
        await until(lambda: api.types(commands[0].id) == ["accepted"])
        api.logins += 1  # as if the first token had expired
        for command in commands[1:]:
            await reporting.journal.accept(command, None)
        await until(lambda: all(api.types(command.id) == ["accepted"] for command in commands))
    assert api.logins == 3


async def test_reports_left_by_an_earlier_agent_are_sent(reporting: Reporting, port: int, tmp_path: Path) -> None:
    earlier = Journal(tmp_path / "journal.sqlite", lambda _: None)
    command = a_command()
    await earlier.accept(command, None)
    earlier.close()
    api = ApiDb()
    async with served(api.app, port):
        await reporting.outbox.resume()
        await until(lambda: api.types(command.id) == ["accepted"])


async def test_a_report_leaves_at_once(agent: Agent) -> None:
    gaps = []
    for student in range(1, 6):
        command = a_command(student=student)
        await agent.do(command)
        gaps.append(time.time() - agent.reporter.events[command.id][-1].at.timestamp())
    assert min(gaps) < 0.02

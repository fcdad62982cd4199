import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen

import httpx
import psutil
import pytest
from agent_api_db import ApiDb
from agent_doubles import HUB_LOGIN_TOKEN, TOKEN, a_command, free_port, served, until

from wod_backend_agent.delivery.base import RUN_MARKER
from wod_common.commands import Command, Verb


class AgentProcess:
    def __init__(self, folder: Path, api_port: int) -> None:
        self.folder = folder
        self.port = free_port()
        self._environment = os.environ | {
            "WOD_AGENT_PORT": str(self.port),
            "WOD_AGENT_LOCATION": "1",
            "WOD_AGENT_SEATS": "20",
            "WOD_AGENT_HOMES": str(folder / "homes"),
            "WOD_AGENT_STATE": str(folder / "state"),
            "WOD_AGENT_NOTEBOOKS": str(folder),
            "WOD_AGENT_API_URL": f"http://127.0.0.1:{api_port}",
            "WOD_AGENT_API_USERNAME": "agent",
            "WOD_AGENT_API_PASSWORD": "agent's password",
            "WOD_AGENT_HUB_URL": "http://127.0.0.1:1",
            "WOD_AGENT_HUB_TOKEN": "the token for the hub",
            "WOD_AGENT_HUB_LOGIN_TOKEN": HUB_LOGIN_TOKEN,
            "WOD_AGENT_TOKEN": TOKEN,
            "WOD_AGENT_SECRET": "what seals the journal",
        }
        self.program = [str(Path(__file__).with_name("agent_process.py")), str(folder)]

    @contextmanager
    def running(self) -> Iterator["Popen[bytes]"]:
        with Popen([sys.executable, *self.program], env=self._environment) as process:
            try:
                yield process
            finally:
                process.kill()

    async def send(self, command: Command) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False) as client:
            await until(lambda: self._listens(client))
            answer = await client.post(
                "/commands", json=command.model_dump(mode="json"), headers={"Authorization": f"Bearer {TOKEN}"}
            )
        assert answer.status_code == 202, answer.text

    async def _listens(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get("/healthz")).status_code == 200
        except httpx.ConnectError:
            return False

    def passwords(self) -> list[str]:
        return self._lines("passwords")

    def sessions(self) -> list[int]:
        return [int(pid) for pid in self._lines("pids")]

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
async def api() -> AsyncIterator[tuple[ApiDb, int]]:
    double, port = ApiDb(), free_port()
    async with served(double.app, port):
        yield double, port


@pytest.fixture
def process(tmp_path: Path, api: tuple[ApiDb, int]) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path, api[1])
    yield agent
    for session in agent.sessions():
        with suppress(ProcessLookupError):
            os.killpg(session, signal.SIGKILL)


def marked(*runs: object) -> list[int]:
    found, wanted = [], {str(run) for run in runs}
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARKER) in wanted:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def test_a_killed_agent_ends_its_old_run_and_gives_the_same_password(
    process: AgentProcess, api: tuple[ApiDb, int]
) -> None:
    command = a_command()
    with process.running() as first:
        await process.send(command)
        await until(lambda: len(process.sessions()) == 1 and len(marked(command.id)) == 3)
        first.send_signal(signal.SIGKILL)
        first.wait()
    left = marked(command.id)
    assert len(left) == 3
    with process.running():
        await until(lambda: len(process.passwords()) == 2)
        assert not set(left) & set(marked(command.id))
        (process.folder / "let-go").touch()
        await until(lambda: "done" in api[0].types(command.id))
    done = next(event for event in api[0].events[str(command.id)] if event["type"] == "done")
    assert [done["password"]] * 2 == process.passwords()


async def test_a_stopped_agent_leaves_no_process_and_runs_the_command_again(
    process: AgentProcess, api: tuple[ApiDb, int]
) -> None:
    command = a_command()
    with process.running() as first:
        await process.send(command)
        await until(lambda: len(process.sessions()) == 1)
        first.terminate()
        await asyncio.to_thread(first.wait, 30)
    assert marked(command.id) == []
    assert api[0].types(command.id) == ["accepted"]
    (process.folder / "let-go").touch()
    with process.running():
        await until(lambda: "done" in api[0].types(command.id))
    assert len(set(process.passwords())) == 1


async def test_a_superseded_run_leaves_no_process(process: AgentProcess, api: tuple[ApiDb, int]) -> None:
    create, cleanup = a_command(), a_command(Verb.CLEANUP, order=(1, 2))
    with process.running():
        await process.send(create)
        await until(lambda: len(process.sessions()) == 1)
        await process.send(cleanup)
        await until(lambda: "done" in api[0].types(cleanup.id))
        assert marked(create.id) == []
        await until(lambda: api[0].types(create.id) == ["accepted", "superseded"])


async def test_a_second_agent_on_the_same_state_does_not_start(process: AgentProcess) -> None:
    with process.running():
        await process.send(a_command(Verb.CLEANUP))
        process.port = free_port()
        with process.running() as second:
            assert await asyncio.to_thread(second.wait, 30) != 0


async def test_of_many_seats_in_the_hands_of_a_killed_agent_each_is_made_again_with_one_report(
    process: AgentProcess, api: tuple[ApiDb, int]
) -> None:
    """With the real Ansible, which has made one seat, is at the second, and has not seen the others."""
    process.program = ["-m", "wod_backend_agent"]
    lab = process.folder / "WKSHP-API101" / "lab.sh"
    lab.parent.mkdir()
    lab.write_text("{% if STDID != 1 %}{% for i in range(10 ** 12) %}{% endfor %}{% endif %}")
    creates = [a_command(student=student) for student in range(1, 7)]
    with process.running() as first:
        for create in creates:
            await process.send(create)
        await until(lambda: "done" in api[0].types(creates[0].id))
        await until(lambda: all(api[0].types(create.id) for create in creates))
        left = open_runs(process.folder)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert marked(*left)
    lab.write_text("{{ STDID }}")
    with process.running():
        await until(lambda: all("done" in api[0].types(create.id) for create in creates))
        assert marked(*left) == []
        await process.send(a_command(Verb.CLEANUP, student=9))
    for create in creates:
        ends = [event for event in api[0].events[str(create.id)] if event["type"] in {"done", "failed", "superseded"}]
        # the kill may have come between a report and its note: then the very same one is sent again
        assert all(end == ends[0] for end in ends)
        assert ends[0]["type"] == "done"
        assert (process.folder / f"homes/student{create.student}/WKSHP-API101/lab.sh").is_file()


def open_runs(folder: Path) -> list[str]:
    return [path.parent.name for path in folder.glob("state/runs/*/orders")]

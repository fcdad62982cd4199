"""A back end of ours without an api-db of ours: gate, agent and hub as processes, and Ansible."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from original_api_db import ACCOUNT

from wod_demo.leftovers import end_leftovers
from wod_demo.services import Table
from wod_demo.settings import DemoSettings
from wod_demo.state import State
from wod_demo.supervisor import Service, Supervisor, log_path

START_SECONDS = 120.0


@dataclass
class BackEnd:
    settings: DemoSettings
    state: State
    supervisor: Supervisor
    http: httpx.AsyncClient

    @property
    def hub(self) -> str:
        return f"http://127.0.0.1:{self.settings.ports.hub}"

    def home(self, student: int) -> Path:
        return self.state.homes / f"student{student}"

    def log(self, service: str) -> str:
        return log_path(self.state.logs, service).read_text()

    async def opens(self, student: int, password: str) -> bool:
        """Whether the agent tells the hub to let him in."""
        answer = await self.http.post(
            f"http://127.0.0.1:{self.settings.ports.agent}/hub/login",
            json={"username": f"student{student}", "password": password},
            headers={"Authorization": f"Bearer {self.state.secrets().hub_login_token}"},
        )
        return bool(answer.json()["allowed"])

    async def refused_unheard(self) -> float:
        """How many mails the gate has refused whose senders were gone."""
        text = (await self.http.get(f"http://127.0.0.1:{self.settings.ports.mailgate_http}/metrics")).text
        lines = [line for line in text.splitlines() if line.startswith("wod_mailgate_refused_unheard_total")]
        return sum(float(line.split()[-1]) for line in lines)


@asynccontextmanager
async def back_end(folder: Path, content: Path, api_url: str) -> AsyncIterator[BackEnd]:
    overrides = {
        "WOD_AGENT_REPORTER": "legacy",
        "WOD_AGENT_API_URL": api_url,
        "WOD_AGENT_API_USERNAME": ACCOUNT["username"],
        "WOD_AGENT_API_PASSWORD": ACCOUNT["password"],
    }
    settings = DemoSettings(
        folder, notebooks=(content,), seats=10, legacy_peers="127.0.0.1", allow_loopback_peers="true",
        overrides={"agent": overrides},
    )  # fmt: skip
    state = State(folder)
    supervisor = Supervisor(state.logs)
    with state.held():
        state.command_keys_made()
        table = Table(settings, state, state.secrets(), None)
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            try:
                services = [table.hub(), table.agent(), table.mailgate()]
                supervisor.start(services)
                await asyncio.gather(*(_ready(http, service) for service in services))
                yield BackEnd(settings, state, supervisor, http)
            finally:
                await supervisor.stop()
                end_leftovers(*state.workplaces)


async def _ready(http: httpx.AsyncClient, service: Service) -> None:  # poll: another process starts
    assert service.ready is not None
    async with asyncio.timeout(START_SECONDS):
        while not await _answers(http, service.ready):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def _answers(http: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await http.get(address)).is_success
    except httpx.TransportError:
        return False


def make_content(folder: Path, template: Path, *workshops: str) -> None:
    """The same notebooks under each name."""
    for name in workshops:
        shutil.copytree(template, folder / name)

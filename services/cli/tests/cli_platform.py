"""A real api-db behind a real port, and the installed command beside it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from api_support import ADMIN, AGENT, AgentDouble, Api
from fastapi import FastAPI

from wod_demo.ports import free_port

WOD = Path(sys.executable).parent / "wod"
WORKSHOP = "WKSHP-API101"


@dataclass(frozen=True)
class Ran:
    """What a run of the command has left."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def problem(self) -> dict[str, Any]:
        """The one document on stderr."""
        assert self.out == ""
        found: dict[str, Any] = json.loads(self.err)
        return found


@dataclass
class Terminal:
    """Runs the installed command in an environment of its own."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    async def run(self, *words: object, stdin: str = "", **more: str) -> Ran:
        surroundings: Mapping[str, str] = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.config),
        }
        child = await asyncio.create_subprocess_exec(
            WOD,
            *map(str, words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**surroundings, **self.environment, **more},
        )
        out, err = await child.communicate(stdin.encode())
        assert child.returncode is not None
        assert "Traceback" not in err.decode()
        return Ran(child.returncode, out.decode(), err.decode())

    async def json(self, *words: object) -> Any:
        """The document of a run that must succeed."""
        ran = await self.run(*words, "--json")
        assert ran.status == 0, ran.err
        return ran.document

    async def refused(self, status: int, *words: object) -> str:
        ran = await self.run(*words, "--json")
        assert ran.status == status, ran.out + ran.err
        assert ran.problem["exit_code"] == status
        return str(ran.problem["detail"])

    @property
    def config(self) -> Path:
        return self.home / "config"

    @property
    def login_file(self) -> Path:
        return self.config / "wod" / "login.json"


@dataclass
class Platform:
    """An api-db with the workshop's three seats, its agent's double, and an operator's terminal."""

    url: str
    api: Api
    agent: AgentDouble
    terminal: Terminal

    async def log_in(self, account: Mapping[str, str] = ADMIN) -> Ran:
        words = ("login", "--url", self.url, "--account", account["username"])
        return await self.terminal.run(*words, stdin=f"{account['password']}\n")

    async def running(self, email: str = "ada@example.org") -> int:
        """The registration of somebody whose lab runs."""
        answer = await self.api.register(email)
        await self.agent.finish("CREATE", password="pass-word-1")
        return int(answer.json()["id"])


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_config=None, access_log=False))
    task = asyncio.create_task(server._serve())  # the public serve() would take over the tests' signals
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)  # poll: uvicorn's flag
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def platform_of(app: FastAPI, home: Path) -> AsyncIterator[Platform]:
    async with served(app) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        api = Api(app, client)
        yield Platform(url, api, AgentDouble(api, await api.login(AGENT)), Terminal(home))

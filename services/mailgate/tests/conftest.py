"""A real gate on a free port, before an agent whose answers a test chooses."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiosmtplib
import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from wod_common.commands import Command, Verb
from wod_common.tokens import CommandSigner, generate_private_pem
from wod_mailgate.app import create_app
from wod_mailgate.server import Gate
from wod_mailgate.settings import Settings

TOKEN = "agent-token-of-the-tests"
LOCATION = 3


@dataclass
class ScriptedAgent:
    """Speaks HTTP like the agent; ``answer`` is what the next command gets, after ``released`` is set."""

    url: str = ""
    commands: list[dict[str, Any]] = field(default_factory=list)
    authorization: str | None = None
    answer: Callable[[dict[str, Any]], Response] | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        self.commands.clear()
        self.authorization = self.answer = None
        self.arrived.clear()
        self.released.set()

    def refuse(self, status: int, detail: str) -> None:
        problem = {"type": "t", "title": "t", "status": status, "detail": detail}
        self.answer = lambda _: JSONResponse(problem, status, media_type="application/problem+json")

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/commands")
        async def take(request: Request) -> Response:
            self.authorization = request.headers.get("authorization")
            command = await request.json()
            self.commands.append(command)
            self.arrived.set()
            await self.released.wait()
            if self.answer:
                return self.answer(command)
            return JSONResponse({"id": command["id"], "state": "accepted"}, 202)

        @app.get("/healthz")
        async def healthz() -> dict[str, str]:
            return {"status": "ok"}

        return app


@pytest.fixture(scope="session")
async def _agent() -> AsyncIterator[ScriptedAgent]:
    agent = ScriptedAgent()
    server = uvicorn.Server(uvicorn.Config(agent.app(), log_config=None, lifespan="off"))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # they are pytest's
    with socket.create_server(("127.0.0.1", 0)) as listening:
        agent.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving = asyncio.create_task(server.serve([listening]))
        yield agent
        agent.released.set()
        server.should_exit = True
        await serving


@pytest.fixture
def agent(_agent: ScriptedAgent) -> ScriptedAgent:
    _agent.reset()
    return _agent


@pytest.fixture
def signer() -> CommandSigner:
    return CommandSigner.from_pem(generate_private_pem())


@pytest.fixture
def keys_file(signer: CommandSigner, tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(signer.jwks()))
    return path


@pytest.fixture
def settings(agent: ScriptedAgent, keys_file: Path) -> dict[str, Any]:
    """Of a gate that listens on a free port and takes signed commands only; a test may change them."""
    return {
        "port": 0,
        "location": LOCATION,
        "command_keys": keys_file,
        "agent_url": agent.url,
        "agent_token": TOKEN,
    }


@pytest.fixture
def listed(settings: dict[str, Any], tmp_path: Path) -> None:
    """The tests' own address may command without a signature."""
    settings |= {"legacy_peers": "127.0.0.0/8", "allow_loopback_peers": "yes", "state": tmp_path / "state"}


@dataclass
class RunningGate:
    gate: Gate
    http: httpx.AsyncClient

    async def send(self, raw: str | bytes, *, to: str = "wodadmin@backend.example") -> str:
        """The final reply, as one line; line ends are made CR LF."""
        content = raw.encode() if isinstance(raw, str) else raw
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self.gate.port, use_tls=False, start_tls=False, timeout=10)
        async with client:
            try:
                _, text = await client.sendmail("anyone@example.org", [to], content)
            except aiosmtplib.SMTPDataError as error:
                return f"{error.code} {error.message}"
            return f"250 {text}"

    async def talk(self, raw: bytes) -> str:
        """All that the gate says to bytes sent as they are, until it hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gate.port)
        writer.write(raw)
        async with asyncio.timeout(10):
            said = await reader.read()
        writer.close()
        return said.decode()


@pytest.fixture
def open_gate(settings: dict[str, Any]) -> Callable[[], contextlib.AbstractAsyncContextManager[RunningGate]]:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[RunningGate]:
        app = create_app(Settings(**settings))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://gate") as http,
        ):
            yield RunningGate(app.state.gate, http)

    return opened


@pytest.fixture
def gate_process(settings: dict[str, Any]) -> Callable[[], contextlib.AbstractAsyncContextManager[tuple[Any, int]]]:
    """The gate as a process of its own, and its port; killed at the end if it still runs."""

    @contextlib.asynccontextmanager
    async def started() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
        shared = {"legacy_peers": "WOD_LEGACY_PEERS", "allow_loopback_peers": "WOD_ALLOW_LOOPBACK_PEERS"}
        own = {shared.get(name, f"WOD_MAILGATE_{name.upper()}"): str(value) for name, value in settings.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "wod_mailgate",
            env={"PATH": os.environ["PATH"], "WOD_MAILGATE_HTTP_PORT": "0", **own},
            stdout=asyncio.subprocess.PIPE,
            # its lines are read by nobody after the first ones
            limit=2**24,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                while (line := json.loads(await process.stdout.readline()))["event"] != "gate open":
                    pass
            yield process, line["port"]
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    return started


@pytest.fixture
async def gate(
    open_gate: Callable[[], contextlib.AbstractAsyncContextManager[RunningGate]],
) -> AsyncIterator[RunningGate]:
    async with open_gate() as running:
        yield running


@pytest.fixture
def send(gate: RunningGate) -> Callable[..., Awaitable[str]]:
    return gate.send


@pytest.fixture
def command() -> Command:
    return Command(
        id=uuid4(),
        verb=Verb.CREATE,
        location=LOCATION,
        student=5,
        registration=12,
        workshop="WKSHP-API101",
        generation=2,
        sequence=1,
    )


@pytest.fixture
def write() -> Callable[..., str]:
    """The text of a command mail."""

    def written(
        *tokens: str,
        subject: str = "CREATE 5 12 a@b.example",
        body: str = "WKSHP-API101\n",
        headers: str = "Message-ID: <one@api.example>\n",
    ) -> str:
        signatures = "".join(f"X-WoD-Command: {token}\n" for token in tokens)
        return (
            "From: wod@api.example\nTo: wodadmin@backend.example\nDate: Sun, 22 Nov 2026 18:00:00 +0000\n"
            f"{headers}{signatures}Subject: {subject}\n\n{body}"
        )

    return written

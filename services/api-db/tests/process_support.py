"""Processes of the api-db as an installation runs them: settings from the environment, started anew, killed."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import httpx

from wod_api_db.settings import Settings
from wod_demo.ports import free_port

#: of starts and of what a worker does in its own time; reached only where something is wrong
PATIENCE = 60.0


def environment_of(settings: Settings, **changes: object) -> dict[str, str]:
    """What a process needs to work on the same database with the same secrets."""
    surroundings = {
        "PATH": os.environ["PATH"],
        "WOD_API_DATABASE_URL": settings.plain_database_url,
        "WOD_API_SECRET": settings.secret.get_secret_value(),
        "WOD_API_COMMAND_KEY": str(settings.command_key),
    }
    return surroundings | {f"WOD_API_{name.upper()}": str(value) for name, value in changes.items()}


@asynccontextmanager
async def running(
    module: str, environment: Mapping[str, str], *words: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``python -m module``, killed at the end without a word."""
    with tempfile.TemporaryFile() as said:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *words, env=environment, stdout=said, stderr=said, start_new_session=True
        )
        try:
            yield child
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


@asynccontextmanager
async def serving(environment: Mapping[str, str]) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The API's address once it answers, and its process."""
    port = free_port()
    async with running("wod_api_db", {**environment, "WOD_API_PORT": str(port)}) as child:
        url = f"http://127.0.0.1:{port}"
        await answering(url, child)
        yield url, child


async def answering(url: str, child: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(PATIENCE):
        while True:
            assert child.returncode is None, "the process has ended by itself"
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/healthz")).is_success:
                    return
            await asyncio.sleep(0.05)  # poll: a process that starts tells nobody


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - rows have no event
            await asyncio.sleep(0.05)  # poll: what a worker does in its own time is seen in the rows alone

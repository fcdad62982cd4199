"""An agent as a process of its own, whose delivery starts real processes: ``agent_process.py FOLDER``."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from agent_doubles import GatedDelivery, ObedientHub

from wod_backend_agent.api_client import NativeApi
from wod_backend_agent.app import Outside, create_app, serve
from wod_backend_agent.delivery.base import RUN_MARKER, Deployment, Progress
from wod_backend_agent.heartbeat import NativeHeartbeats
from wod_backend_agent.reporting import NativeReporter
from wod_backend_agent.settings import Settings, take_settings


class SpawningDelivery(GatedDelivery):
    """Leaves a process in a session of its own, as a hook may, and waits until it is let go."""

    folder = Path()

    async def create(self, deployment: Deployment, progress: Callable[[Progress], None]) -> None:
        with (self.folder / "passwords").open("a") as passwords:
            passwords.write(deployment.password.get_secret_value() + "\n")
        environment = os.environ | {RUN_MARKER: str(deployment.run)}
        await asyncio.create_subprocess_exec(
            "sh", "-c", f"echo $$ >> {self.folder}/pids; sleep 600 & sleep 600", env=environment, start_new_session=True
        )
        while not (self.folder / "let-go").exists():  # noqa: ASYNC110 - let go by another process
            await asyncio.sleep(0.01)  # poll: the test ends this process


@asynccontextmanager
async def parts(settings: Settings) -> AsyncIterator[Outside]:
    SpawningDelivery.folder = Path(sys.argv[1])
    async with httpx.AsyncClient(base_url=str(settings.api_url), trust_env=False) as client:
        api = NativeApi(client, settings.api_username, settings.api_password)
        heartbeats = NativeHeartbeats(api, settings.location)
        yield Outside(SpawningDelivery(), ObedientHub(), NativeReporter(api), heartbeats)


if __name__ == "__main__":
    settings = take_settings()
    serve(create_app(settings, parts), settings)

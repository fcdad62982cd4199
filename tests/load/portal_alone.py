"""The portal as a process of its own, against its tests' double of the api-db in this one, with a full catalogue."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from services.frontend.tests.portal_double import ApiDouble, workshop  # noqa: E402 - only after the line above

from wod_jupyterhub.testing import free_port  # noqa: E402

WORKSHOPS = 200


def full_catalogue() -> ApiDouble:
    api = ApiDouble()
    api.workshops = [
        workshop(f"WKSHP-N{number}", name=f"Workshop number {number}", category=[f"Topic {number % 7}"])
        for number in range(WORKSHOPS)
    ]
    api.popular = [f"WKSHP-N{number}" for number in range(10)]
    return api


@asynccontextmanager
async def portal(api_url: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """Its address, and the process whose time and memory are its alone."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = {
        "WOD_PORTAL_API_URL": api_url,
        "WOD_PORTAL_SECRET": "only-for-measuring-it",
        "WOD_PORTAL_PORT": str(port),
        "WOD_PORTAL_PUBLIC_URL": url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wod_frontend",
        env=os.environ | own,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _answers(url)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def _answers(url: str) -> None:
    async with httpx.AsyncClient() as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                await client.get(f"{url}/healthz")
                return
            await asyncio.sleep(0.1)  # poll: it starts in another process

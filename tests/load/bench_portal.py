"""What the portal's pages and progress streams cost: ``.venv/bin/python tests/load/bench_portal.py``.

The portal runs as a process of its own; the api-db is its tests' double in this one, so that the processor time
that is told is the portal's alone. Into ``var/bench/portal.json``.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from services.frontend.tests.conftest import serve  # noqa: E402 - only after the line above
from services.frontend.tests.portal_double import TOKEN, ApiDouble, api_app, workshop  # noqa: E402

from wod_jupyterhub.testing import free_port  # noqa: E402

WORKSHOPS = 200
PAGES = 400
CLIENTS = 16
SECONDS = 10
STREAMS = 1000
#: browsers of a crowd do not connect in the same millisecond, and the double would not keep up
OPENING = 50
MIB = 1024 * 1024


@asynccontextmanager
async def _portal(api_url: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    port = free_port()
    own = {"WOD_PORTAL_API_URL": api_url, "WOD_PORTAL_SECRET": "only-for-measuring-it", "WOD_PORTAL_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wod_frontend", env=os.environ | own, stderr=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient() as client:
        while True:
            try:
                await client.get(f"{url}/healthz")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)  # poll: it starts in another process
    yield url, psutil.Process(process.pid)
    process.terminate()
    await process.wait()


def _cpu(process: psutil.Process) -> float:
    """Seconds of processor that the process has had."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def _pages(url: str, process: psutil.Process, path: str) -> dict[str, float]:
    async with httpx.AsyncClient(base_url=url) as client:
        weight = len((await client.get(path)).content)
        began = _cpu(process)
        for _ in range(PAGES):
            (await client.get(path)).raise_for_status()
        cpu = (_cpu(process) - began) / PAGES
    return {"bytes": weight, "cpu_ms_per_page": round(cpu * 1000, 2)}


async def _crowd(url: str) -> float:
    """Pages per second with so many clients at once."""
    until = time.monotonic() + SECONDS

    async def client() -> int:
        served = 0
        async with httpx.AsyncClient(base_url=url, timeout=30) as http:
            while time.monotonic() < until:
                (await http.get("/workshops")).raise_for_status()
                served += 1
        return served

    return round(sum(await asyncio.gather(*(client() for _ in range(CLIENTS)))) / SECONDS, 1)


class _Viewers:
    """Browsers that follow one registration; they share one upstream, as the portal does it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._watching: list[asyncio.Task[None]] = []
        self.opened, self.told = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self.happened = 0.0
        self.delays: list[float] = []

    async def open(self, number: int) -> None:
        self._watching += [asyncio.create_task(self._watch()) for _ in range(number)]
        for _ in range(number):
            await self.opened.acquire()

    async def all_told(self) -> None:
        for _ in self._watching:
            await self.told.acquire()

    async def close(self) -> None:
        for one in self._watching:
            one.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        while True:  # as a browser does: who is refused comes again
            with contextlib.suppress(httpx.HTTPError):
                await self._follow()

    async def _follow(self) -> None:
        async with self._client.stream("GET", f"/sessions/{TOKEN}/stream") as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data:") and "registered" in line:
                    self.opened.release()
                elif line.startswith("data:"):
                    self.delays.append(time.monotonic() - self.happened)
                    self.told.release()


async def _streams(api: ApiDouble, url: str, process: psutil.Process) -> dict[str, float]:
    api.happen("registered", "registered")
    before = process.memory_info().rss
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(60), limits=limits) as client:
        viewers = _Viewers(client)
        for _ in range(STREAMS // OPENING):
            await viewers.open(OPENING)
        grown = process.memory_info().rss - before
        viewers.happened = time.monotonic()
        api.happen("progress", step="deliver", percent=50)
        await viewers.all_told()
        await viewers.close()
    return {
        "streams": STREAMS,
        "memory_mib": round(grown / MIB, 1),
        "delay_ms_median": round(median(viewers.delays) * 1000, 1),
        "delay_ms_last": round(max(viewers.delays) * 1000, 1),
    }


async def main() -> None:
    api = ApiDouble()
    api.workshops = [
        workshop(f"WKSHP-N{number}", name=f"Workshop number {number}", category=[f"Topic {number % 7}"])
        for number in range(WORKSHOPS)
    ]
    api.popular = [f"WKSHP-N{number}" for number in range(10)]
    async with serve(api_app(api)) as api_url, _portal(api_url) as (url, process):
        found = {
            "load_before": os.getloadavg()[0],
            "home": await _pages(url, process, "/"),
            "catalogue": await _pages(url, process, "/workshops"),
            "workshop": await _pages(url, process, "/workshops/WKSHP-N1"),
            "progress": await _streams(api, url, process),
            f"catalogue_pages_per_second_{CLIENTS}_clients": await _crowd(url),
        }
    text = json.dumps(found, indent=2)
    (ROOT / "var" / "bench").mkdir(parents=True, exist_ok=True)
    (ROOT / "var" / "bench" / "portal.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    asyncio.run(main())

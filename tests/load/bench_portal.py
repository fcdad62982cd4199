"""What the portal's pages and progress streams cost: ``.venv/bin/python tests/load/bench_portal.py``.

The portal runs as a process of its own; the api-db is its tests' double in this one, so that the processor time
that is told is the portal's alone. Into ``var/bench/portal.json``.
"""

import asyncio
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


async def _streams(api: ApiDouble, url: str, process: psutil.Process) -> dict[str, float]:
    """All of one registration: they share one upstream, as the portal does it."""
    api.happen("registered", "registered")
    before = process.memory_info().rss
    opened, told = asyncio.Semaphore(0), asyncio.Semaphore(0)
    delays: list[float] = []
    happened = 0.0
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(60), limits=limits) as client:

        async def watch() -> None:
            async with client.stream("GET", f"/sessions/{TOKEN}/stream") as answer:
                async for line in answer.aiter_lines():
                    if not line.startswith("data:"):
                        continue
                    if "registered" in line:
                        opened.release()
                        continue
                    delays.append(time.monotonic() - happened)
                    told.release()

        watching = [asyncio.create_task(watch()) for _ in range(STREAMS)]
        for _ in range(STREAMS):
            await opened.acquire()
        grown = process.memory_info().rss - before
        happened = time.monotonic()
        api.happen("progress", step="deliver", percent=50)
        for _ in range(STREAMS):
            await told.acquire()
        for one in watching:
            one.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    return {
        "streams": STREAMS,
        "memory_mib": round(grown / MIB, 1),
        "delay_ms_median": round(median(delays) * 1000, 1),
        "delay_ms_last": round(max(delays) * 1000, 1),
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
            f"catalogue_pages_per_second_{CLIENTS}_clients": await _crowd(url),
            "progress": await _streams(api, url, process),
        }
    text = json.dumps(found, indent=2)
    (ROOT / "var" / "bench").mkdir(parents=True, exist_ok=True)
    (ROOT / "var" / "bench" / "portal.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    asyncio.run(main())

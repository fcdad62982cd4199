"""What the portal's pages and progress streams cost: ``.venv/bin/python tests/load/bench_portal.py``.

The portal runs as a process of its own; what it asks is answered in this one, so that the processor time and the memory
that are told are the portal's alone. Into ``var/bench/<date>-portal.json``.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

import httpx
import psutil
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from portal_alone import ROOT, full_catalogue, portal
from services.frontend.tests.conftest import serve
from services.frontend.tests.portal_double import api_app
from services.frontend.tests.portal_rows import START, registration

PAGES = 400
CLIENTS = 16
SECONDS = 10
STREAMS = 1000
#: browsers of a crowd do not connect in the same millisecond
OPENING = 50
#: so many of the sessions make a step, one after another, while all the others are looked at
STEPS = 100
MIB = 1024 * 1024


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


async def _crowd(url: str, process: psutil.Process) -> dict[str, float]:
    """Pages per second with so many clients at once."""
    until = time.monotonic() + SECONDS

    async def client() -> int:
        served = 0
        async with httpx.AsyncClient(base_url=url, timeout=30) as http:
            while time.monotonic() < until:
                (await http.get("/workshops")).raise_for_status()
                served += 1
        return served

    began = _cpu(process)
    pages = sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))
    cpu = (_cpu(process) - began) / pages
    return {"pages_per_second": round(pages / SECONDS, 1), "cpu_ms_per_page": round(cpu * 1000, 2)}


class _Registrations:
    """As the api-db keeps them: each with a story of its own, which ``happen`` goes on with."""

    def __init__(self) -> None:
        self._next: dict[str, asyncio.Queue[str]] = {}

    def happen(self, token: str, number: int, kind: str) -> None:
        at = datetime.now(UTC).isoformat()
        said = {"id": number, "at": at, "type": kind, "state": "deploying", "data": {"percent": 50}}
        self._next[token].put_nowait(f"id: {number}\ndata: {json.dumps(said)}\n\n")

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/api/v1/registrations/{token}")
        async def show(token: str) -> dict[str, object]:
            return registration(token=token, created_at=START).model_dump(mode="json")

        @app.get("/api/v1/registrations/{token}/events")
        async def events(token: str) -> StreamingResponse:
            self._next[token] = asyncio.Queue()
            self.happen(token, 1, "registered")
            return StreamingResponse(self._told(token), media_type="text/event-stream")

        return app

    async def _told(self, token: str) -> AsyncIterator[str]:
        while True:
            yield await self._next[token].get()


@dataclass
class _Viewers:
    """A browser for each registration, which looks at its page's stream."""

    client: httpx.AsyncClient
    opened: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    told: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    watching: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self, tokens: list[str]) -> None:
        self.watching += [asyncio.create_task(self._watch(token)) for token in tokens]
        for _ in tokens:
            await self.opened.acquire()

    async def close(self) -> None:
        for one in self.watching:
            one.cancel()
        await asyncio.gather(*self.watching, return_exceptions=True)

    async def _watch(self, token: str) -> None:
        while True:  # as a browser does: who is refused comes again
            with contextlib.suppress(httpx.HTTPError):
                await self._follow(token)

    async def _follow(self, token: str) -> None:
        async with self.client.stream("GET", f"/sessions/{token}/stream") as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data:") and "registered" in line:
                    self.opened.release()
                elif line.startswith("data:"):
                    self.told.put_nowait(token)


async def _streams() -> dict[str, float]:
    """Everybody looks at a registration of his own, so each stream has one to the api-db behind it."""
    registrations = _Registrations()
    tokens = [f"{number}-c2lnbmVkLWJ5LXRoZS1hcGk" for number in range(1, STREAMS + 1)]
    limits = httpx.Limits(max_connections=None)
    async with serve(registrations.app()) as api_url, portal(api_url) as (url, process):
        before = process.memory_info().rss
        async with httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(60), limits=limits) as client:
            viewers = _Viewers(client)
            for start in range(0, STREAMS, OPENING):
                await viewers.open(tokens[start : start + OPENING])
            grown = process.memory_info().rss - before
            delays = [
                await _step(registrations, viewers, tokens[:: STREAMS // STEPS][number]) for number in range(STEPS)
            ]
            idle = await _idle(process)
            await viewers.close()
    return {
        "streams": STREAMS,
        "registrations": STREAMS,
        "memory_mib": round(grown / MIB, 1),
        "memory_kib_per_stream": round(grown / STREAMS / 1024, 1),
        "delay_ms_median": round(median(delays) * 1000, 1),
        "delay_ms_longest": round(max(delays) * 1000, 1),
        "idle_cpu_percent": round(idle * 100, 1),
    }


async def _step(registrations: _Registrations, viewers: _Viewers, token: str) -> float:
    """Seconds from an event at the api-db to its viewer."""
    began = time.monotonic()
    registrations.happen(token, 2, "progress")
    assert await viewers.told.get() == token
    return time.monotonic() - began


async def _idle(process: psutil.Process) -> float:
    """Share of a core that open streams cost while nothing happens."""
    began = _cpu(process)
    await asyncio.sleep(SECONDS)  # poll: the time over which it is measured
    return (_cpu(process) - began) / SECONDS


async def main() -> None:
    async with serve(api_app(full_catalogue())) as api_url, portal(api_url) as (url, process):
        found = {
            "load_before": os.getloadavg()[0],
            "home": await _pages(url, process, "/"),
            "catalogue": await _pages(url, process, "/workshops"),
            "workshop": await _pages(url, process, "/workshops/WKSHP-N1"),
            f"catalogue_{CLIENTS}_clients": await _crowd(url, process),
        }
    found["progress"] = await _streams()
    text = json.dumps(found, indent=2)
    path = ROOT / "var" / "bench" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-portal.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    sys.stdout.write(f"{text}\nwritten to {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    asyncio.run(main())

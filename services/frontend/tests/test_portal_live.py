"""The live stream: shared, resumed, ended, and silent about tokens."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from services.frontend.tests.portal_double import TOKEN, ApiDouble

from wod_frontend import sessions

STREAM = f"/sessions/{TOKEN}/stream"
DEADLINE = 10.0


class Viewer:
    """One open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.lines = response.aiter_lines()

    async def line(self, start: str) -> str:
        async with asyncio.timeout(DEADLINE):
            async for line in self.lines:
                if line.startswith(start):
                    return line.removeprefix(start).strip()
        raise AssertionError(f"the stream ended without {start!r}")

    async def types(self, number: int) -> list[str]:
        return [json.loads(await self.line("data:"))["type"] for _ in range(number)]

    async def ended(self) -> bool:
        async with asyncio.timeout(DEADLINE):
            async for line in self.lines:
                assert not line.startswith("data:")
        return True


@asynccontextmanager
async def watching(visitor: httpx.AsyncClient, path: str = STREAM, **headers: str) -> AsyncIterator[Viewer]:
    async with visitor.stream("GET", path, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Viewer(response)


async def test_viewers_of_one_session_share_one_upstream(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    async with watching(visitor) as first, watching(visitor) as second:
        assert await first.types(1) == await second.types(1) == ["registered"]
        api.happen("accepted")
        assert await first.types(1) == await second.types(1) == ["accepted"]
        assert api.open_streams == 1
    async with asyncio.timeout(DEADLINE):
        await api.open_exactly(0)
    assert api.streams == [0]


async def test_viewer_who_leaves_does_not_disturb_the_other(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    async with watching(visitor) as stays:
        async with watching(visitor) as leaves:
            await leaves.types(1)
        await stays.types(1)
        api.happen("accepted")
        assert await stays.types(1) == ["accepted"]
    assert api.streams == [0]


@pytest.mark.parametrize(("path", "headers"), [(STREAM, {"Last-Event-ID": "1"}), (f"{STREAM}?after=1", {})])
async def test_viewer_resumes_behind_the_last_event(
    visitor: httpx.AsyncClient, api: ApiDouble, path: str, headers: dict[str, str]
) -> None:
    api.happen("registered", "registered")
    api.happen("accepted")
    async with watching(visitor, path, **headers) as viewer:
        assert await viewer.line("id:") == "2"
        assert await viewer.types(1) == ["accepted"]


async def test_broken_upstream_is_taken_up_where_it_broke(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    async with watching(visitor) as viewer:
        await viewer.types(1)
        api.cut_streams()
        api.happen("accepted")
        assert await viewer.types(1) == ["accepted"]
    assert api.streams in ([0, 1], [0, 2])


async def test_stream_ends_with_the_story(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.happen("running", "running")
    async with watching(visitor) as viewer:
        await viewer.types(1)
        api.happen("ended", "ended")
        api.happen("cleaned", "ended")
        api.become(cleaned=True)
        assert await viewer.types(2) == ["ended", "cleaned"]
        assert await viewer.ended()
    again = await visitor.get(STREAM, headers={"Last-Event-ID": "3"})
    assert again.status_code == 204


async def test_silent_stream_is_kept_alive(
    visitor: httpx.AsyncClient, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "KEEP_ALIVE_SECONDS", 0.05)
    async with watching(visitor) as viewer:
        await viewer.line(": ping")


async def test_stream_of_an_unknown_session_is_refused(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/sessions/41-wrong/stream")).status_code == 404


async def test_fragment_holds_the_newest_state(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    async with watching(visitor) as viewer:
        await viewer.types(1)
        api.happen("progress", step="deliver", percent=62, message="Nearly there")
        await viewer.types(1)
        fragment = await visitor.get(f"/sessions/{TOKEN}/fragment")
    assert "Nearly there" in fragment.text
    assert "<html" not in fragment.text
    assert api.streams == [0]


async def test_process_serves_stops_in_time_and_logs_no_token(api: ApiDouble, api_url: str) -> None:
    environment = os.environ | {
        "WOD_PORTAL_API_URL": api_url,
        "WOD_PORTAL_SECRET": "only-for-the-tests-of-the-portal",
        "WOD_PORTAL_PORT": str(free_port()),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wod_frontend", env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout
    lines: list[str] = []
    try:
        async with asyncio.timeout(30):
            while not re.search(r"running on (http://\S+)", "".join(lines)):
                line = (await process.stdout.readline()).decode()
                assert line, "".join(lines)
                lines.append(line)
            address = f"http://127.0.0.1:{environment['WOD_PORTAL_PORT']}"
            async with httpx.AsyncClient(base_url=address) as visitor:
                api.happen("registered", "registered")
                await visitor.get(f"/sessions/{TOKEN}")
                async with watching(visitor) as viewer:
                    await viewer.types(1)
                    api.away = True
                    assert (await visitor.get(f"/sessions/{TOKEN}")).status_code == 503
                    process.terminate()
                    lines.append((await process.stdout.read()).decode())
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "api-away" in "".join(lines)
    assert TOKEN not in "".join(lines)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port

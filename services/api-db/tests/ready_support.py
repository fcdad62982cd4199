"""What the tests of seats that are made ahead share."""

from typing import Any

import httpx
from api_support import ADMIN, AgentDouble, Api

from wod_api_db.sweep import sweep

VERSION = "abc123"


async def keep_ready(api: Api, seats: int = 1) -> None:
    """The one placement is to keep so many, and its agent speaks."""
    await api.change("UPDATE placements SET ready_minimum = :seats", seats=seats)
    await speak(api)


async def speak(api: Api) -> None:
    await api.change("UPDATE locations SET last_heartbeat_at = now()")


async def swept(api: Api) -> None:
    await sweep(api.sessions, "test")


async def prepared(api: Api, agent: AgentDouble) -> None:
    """One seat more is made ahead."""
    await swept(api)
    await agent.finish("PREPARE", content_version=VERSION)


async def states(api: Api) -> list[str]:
    """Of the placement's three seats."""
    return [row[0] for row in await api.rows("SELECT state FROM students WHERE number <= 3 ORDER BY number")]


async def verbs(api: Api) -> list[str]:
    """Outstanding ones."""
    query = "SELECT verb FROM commands WHERE state IN ('queued', 'sent', 'accepted', 'running') ORDER BY created_at"
    return [row[0] for row in await api.rows(query)]


async def verify(api: Api, seat: int, **changes: Any) -> httpx.Response:
    headers = await api.login(ADMIN)
    return await api.http.post(f"/api/v1/students/{seat}/verify", headers=headers, **changes)

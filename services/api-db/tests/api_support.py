"""What the api-db's tests share beside their fixtures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.seeding import Seed
from wod_api_db.settings import Settings

ADMIN = {"username": "operator", "password": "operator-secret"}
AGENT = {"username": "agent-1", "password": "agent-secret"}
WOD_YML = """%YAML 1.1
---
name: 'API 101'
description: 'Speak REST.'
active: true
capacity: {capacity}
priority: 1
range: [{first},{last}]
reset: {reset}
ldap: false
replayId: 1
varpass: false
compile: false
workshopImg: ''
badgeImg: WOD-Badge-API101
beta: false
category: ['Open Source']
duration: {duration}
presenter: 'Ada'
role: 'Teacher'
avatar: ''
replayLink: ''
"""


def write_workshop(
    folder: Path,
    name: str = "WKSHP-API101",
    *,
    capacity: int = 3,
    first: int = 1,
    last: int = 3,
    duration: str = "2",
    reset: bool = False,
) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    values = {"capacity": capacity, "first": first, "last": last, "duration": duration, "reset": str(reset).lower()}
    (folder / name / "wod.yml").write_text(WOD_YML.format(**values))


def settings_for(url: str, key: Path, **changes: Any) -> Settings:
    return Settings(database_url=url, secret="test-secret-" * 4, command_key=key, **changes)


def seed_document(notebooks: Path, seats: int = 40) -> dict[str, Any]:
    """As ``manage seed`` reads it."""
    return {
        "location": {
            "id": 1,
            "name": "Grenoble",
            "fqdn": "grenoble.test",
            "basestdid": 1000,
            "seats": seats,
            "gate_host": "127.0.0.1",
            "gate_port": 1,
            "hub_url": "http://hub.test",
        },
        "admin": ADMIN | {"email": "operator@example.org"},
        "agent": AGENT,
        "notebooks": [str(notebooks)],
    }


def seed_of(notebooks: Path, seats: int = 40) -> Seed:
    return Seed.model_validate(seed_document(notebooks, seats))


class Api:
    """The service as its callers see it, with a look into its rows."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app = app
        self.http = client

    @property
    def sessions(self) -> async_sessionmaker[AsyncSession]:
        sessions: async_sessionmaker[AsyncSession] = self.app.state.sessions
        return sessions

    async def register(self, email: str = "ada@example.org", **changes: Any) -> httpx.Response:
        form = {"workshop": "WKSHP-API101", "name": "Ada", "email": email, "terms_version": "1"}
        return await self.http.post("/api/v1/registrations", json=form | changes)

    async def login(self, account: Mapping[str, object]) -> dict[str, str]:
        answer = await self.http.post("/api/v1/login", json=account)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def rows(self, query: str, **parameters: Any) -> list[Any]:
        async with self.sessions() as session:
            return list((await session.execute(text(query), parameters)).all())

    async def value(self, query: str, **parameters: Any) -> Any:
        return (await self.rows(query, **parameters))[0][0]

    async def change(self, statement: str, **parameters: Any) -> None:
        async with self.sessions.begin() as session:
            await session.execute(text(statement), parameters)

    async def outstanding(self) -> tuple[UUID, str]:
        """Id and verb of the one outstanding command."""
        query = "SELECT id, verb FROM commands WHERE state IN ('queued', 'sent', 'accepted', 'running')"
        [(identity, verb)] = await self.rows(query)
        return identity, verb


class AgentDouble:
    """Reports of the one outstanding command, as the agent of location 1 sends them."""

    def __init__(self, api: Api, headers: dict[str, str]) -> None:
        self._api = api
        self._headers = headers
        self._numbers: dict[UUID, int] = {}

    async def report(self, command: UUID, kind: str, *, number: int | None = None, **data: Any) -> httpx.Response:
        self._numbers[command] = number or self._numbers.get(command, 0) + 1
        body = {"number": self._numbers[command], "at": "2026-11-23T10:00:00Z", "type": kind} | data
        return await self._api.http.post(f"/api/v1/commands/{command}/events", json=body, headers=self._headers)

    async def finish(self, expected: str, **data: Any) -> UUID:
        """Accepts and finishes the outstanding command, which must be ``expected``."""
        command, verb = await self._api.outstanding()
        assert verb == expected
        assert (await self.report(command, "accepted")).status_code == 200
        assert (await self.report(command, "done", **data)).status_code == 200
        return command

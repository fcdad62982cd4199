"""What the tests of locations, placements and pauses share."""

import json
from typing import Any

import httpx
from api_support import ADMIN, AGENT, AgentDouble, Api

#: what the fixtures do not have: a second location beside Grenoble
HOUSTON = {
    "id": 2,
    "name": "Houston",
    "fqdn": "houston.test",
    "basestdid": 2000,
    "seats": 10,
    "gate_host": "127.0.0.1",
    "gate_port": 1,
    "hub_url": "http://hub.houston.test",
}
FIGURES = {
    "version": "1.0",
    "hub": True,
    "waiting": 0,
    "running": 0,
    "concurrency": 4,
    "cpus": 2,
    "load": 0.5,
    "memory_total": 2**33,
    "memory_available": 2**32,
    "disk_total": 2**36,
    "disk_free": 2**35,
}
PLACEMENTS = "/api/v1/workshops/WKSHP-API101/placements"


class Operator:
    """An administrator's calls."""

    def __init__(self, api: Api, headers: dict[str, str]) -> None:
        self._api = api
        self.headers = headers

    @classmethod
    async def of(cls, api: Api, account: dict[str, str] = ADMIN) -> "Operator":
        return cls(api, await api.login(account))

    async def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        url = path if path.startswith("/api") else f"/api/v1{path}"
        headers = self.headers | {"Content-Type": "application/json"}
        # written with escapes, so that a test may send what is no valid Unicode
        content = None if body is None else json.dumps(body)
        return await self._api.http.request(method, url, content=content, headers=headers)

    async def done(self, method: str, path: str, body: object = None) -> Any:
        """The answer of a call that must succeed."""
        answer = await self.call(method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def refused(self, status: int, method: str, path: str, body: object = None) -> str:
        """Why the call was refused."""
        answer = await self.call(method, path, body)
        assert answer.status_code == status, answer.text
        return str(answer.json()["detail"])

    async def actions(self) -> list[str]:
        return [row[0] for row in await self._api.rows("SELECT action FROM audit ORDER BY id")]

    async def add_houston(self, **changes: Any) -> None:
        await self.done("POST", "/locations", HOUSTON | changes)

    async def add_alternate(self) -> None:
        """Houston, where API 101 may be given as well."""
        await self.add_houston()
        await self.done("POST", PLACEMENTS, {"location": 2, "first": 1, "last": 5, "capacity": 5, "rank": 1})


async def beat(api: Api, location: int = 1, **changes: Any) -> httpx.Response:
    """A heartbeat of location 1's agent."""
    headers = await api.login(AGENT)
    return await api.http.post(f"/api/v1/locations/{location}/heartbeat", json=FIGURES | changes, headers=headers)


async def running(api: Api, agent: AgentDouble, email: str, **changes: Any) -> str:
    """The personal token of somebody whose lab runs."""
    answer = await api.register(email, **changes)
    assert answer.status_code == 201, answer.text
    await agent.finish("CREATE", password="pass-word-1")
    return str(answer.json()["token"])

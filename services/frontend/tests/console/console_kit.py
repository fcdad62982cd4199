"""What an operator does in a browser without a script, and what the rows say of it."""

import re
from html import unescape
from typing import Any

import httpx
from api_support import AgentDouble, Api

PEOPLE: tuple[dict[str, str], ...] = (
    {"username": "mo", "email": "mo@example.org", "role": "moderator", "password": "moderator-secret"},
    {"username": "mia", "email": "mia@example.org", "role": "moderator", "password": "moderator-secret"},
    {"username": "ina", "email": "ina@example.org", "role": "instructor", "password": "instructor-secret"},
    {"username": "nobody", "email": "nobody@example.org", "role": "user", "password": "user-of-nothing"},
)
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


class Visit:
    """A browser: it keeps cookies, follows nothing by itself, and sends the forms it was shown."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.http = client

    async def see(self, path: str, status: int = 200) -> str:
        answer = await self.http.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.headers.get("location"), answer.text)
        return answer.text

    async def form_token(self, path: str) -> str:
        found = TOKEN.search((await self.http.get(path)).text)
        assert found, f"{path} holds no form"
        return unescape(found[1])

    async def send(self, path: str, seen_at: str | None = None, /, **fields: Any) -> httpx.Response:
        """Fills in the form of the page ``seen_at`` and sends it to ``path``."""
        token = await self.form_token(seen_at or path)
        return await self.http.post(path, data={"form_token": token} | fields)

    async def sign_in(self, username: str, password: str, next: str = "/console") -> httpx.Response:  # noqa: A002 - the form's name
        return await self.send("/console/sign-in", username=username, password=password, next=next)

    async def act(self, name: str, *ids: object, **fields: Any) -> httpx.Response:
        """Through the page that asks."""
        asked = f"/console/acts/{name}?" + "&".join(f"id={identity}" for identity in ids)
        return await self.send(f"/console/acts/{name}", asked, id=[str(identity) for identity in ids], **fields)


async def running(api: Api, agent: AgentDouble, email: str, **changes: Any) -> int:
    """A registration whose lab runs and whose clock ticks; its id."""
    answer = await api.register(email, **changes)
    assert answer.status_code == 201, answer.text
    identity: int = answer.json()["id"]
    command = await api.value("SELECT id FROM commands WHERE registration_id = :id", id=identity)
    accepted = await agent.report(command, "accepted")
    assert accepted.status_code == 200, accepted.text
    done = await agent.report(command, "done", password="x")
    assert done.status_code == 200, done.text
    await api.change(
        "UPDATE registrations SET clock_started_at = now(), ends_at = now() + duration WHERE id = :id", id=identity
    )
    return identity


async def audited(api: Api, action: str, identity: object) -> list[Any]:
    """Who did it, and with what."""
    query = "SELECT username, data FROM audit WHERE action = :action AND object_id = :id ORDER BY id"
    return await api.rows(query, action=action, id=str(identity))

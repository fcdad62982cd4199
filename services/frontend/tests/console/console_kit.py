"""What an operator does in a browser without a script, and what the rows say of it."""

import re
from datetime import UTC, datetime, timedelta
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


async def one_of_each(api: Api, agent: AgentDouble, admin: Visit) -> list[str]:
    """The address of each kind of page, with something on it."""
    number = await running(api, agent, f"seen{datetime.now(UTC).timestamp()}@example.org", name="Seen")
    [(command, student)] = await api.rows("SELECT id, student_id FROM commands WHERE registration_id = :i", i=number)
    await api.change("UPDATE commands SET error = 'TASK [deliver] failed' WHERE id = :i", i=command)
    start = datetime.now(UTC) + timedelta(days=9)
    booked = await admin.send(
        "/console/acts/new-class",
        workshop="WKSHP-API101",
        title="Seen",
        seats="2",
        starts_at=start.strftime("%Y-%m-%dT%H:%M"),
        ends_at=(start + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
    )
    assert booked.status_code == 303, booked.text
    taught = await api.value("SELECT max(id) FROM classes")
    lists = [f"/console/{name}" for name in ("registrations", "students", "commands", "mails", "audit", "accounts")]
    acts = [
        f"/console/acts/end?id={number}",
        "/console/acts/announce",
        "/console/acts/new-class",
        "/console/acts/erase",
    ]
    return [
        "/console",
        *lists,
        *(f"/console/{name}" for name in ("workshops", "locations", "notices", "pauses", "announcements", "classes")),
        f"/console/registrations/{number}",
        f"/console/students/{student}",
        f"/console/commands/{command}",
        "/console/workshops/WKSHP-API101",
        "/console/locations/1",
        "/console/accounts/1",
        f"/console/classes/{taught}",
        f"/console/classes/{taught}/poster",
        *acts[:3],
        "/console/me",
        "/console/registrations?state=nonsense",
        "/console/sign-in?next=x",
    ]


async def some_life(api: Api, agent: AgentDouble, admin: Visit) -> None:
    """What a morning leaves behind: sessions in all states, a pause that was lifted, something announced."""
    for name in ("Grace", "Linus", "Margaret", "Katherine"):
        await running(api, agent, f"{name.lower()}@example.org", name=name, company="Example")
    ended = await running(api, agent, "barbara@example.org", name="Barbara")
    await admin.act("end", ended, reason="asked at the desk")
    assert (await api.register("edsger@example.org", name="Edsger")).status_code == 201
    assert (await api.register("annie@example.org", name="Annie")).status_code == 201
    await api.change("UPDATE registrations SET completion = (id * 17) % 100 WHERE state = 'running'")
    text = "Coffee is in the hall from three o'clock."
    assert (await admin.send("/console/acts/announce", text=text, location="", workshop="")).status_code == 303
    await api.change("INSERT INTO notices (kind, text) VALUES ('mail-bounced', 'barbara@example.org takes no mail.')")

"""A full workshop, people in its line, and seats that become free."""

from typing import Any

import httpx
from api_support import AgentDouble, Api

from wod_api_db.sweep import sweep


async def take_every_seat(api: Api) -> None:
    """The workshop of three seats has one, and somebody is in it."""
    await api.change("UPDATE placements SET capacity = 1")
    assert (await api.register("holder@example.org")).status_code == 201


async def join(api: Api, email: str) -> dict[str, Any]:
    answer = await api.register(email, wait=True)
    assert (answer.status_code, answer.json()["state"]) == (201, "waiting"), answer.text
    joined: dict[str, Any] = answer.json()
    return joined


async def shown(api: Api, token: str) -> dict[str, Any]:
    answer = await api.http.get(f"/api/v1/registrations/{token}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def post(api: Api, token: str, act: str) -> httpx.Response:
    return await api.http.post(f"/api/v1/registrations/{token}/{act}")


async def room_for(api: Api, people: int) -> None:
    """As many seats more than are in use; the next sweep finds them."""
    await api.change(
        "UPDATE placements SET capacity = :people + (SELECT count(*) FROM registrations "
        "WHERE cleaned_at IS NULL AND student_id IS NOT NULL)",
        people=people,
    )
    await sweep(api.sessions, "worker")


async def end_of(api: Api, agent: AgentDouble, token: str) -> None:
    """The session ends, and its seat is clean."""
    await post(api, token, "end")
    await agent.finish("CLEANUP")
    await agent.finish("PURGE")


async def states(api: Api) -> dict[str, str]:
    rows = await api.rows("SELECT email, state FROM registrations WHERE email <> 'holder@example.org'")
    return {email.partition("@")[0]: state for email, state in rows}


async def mails_to(api: Api, email: str) -> list[str]:
    query = "SELECT template FROM mails WHERE recipient = :email ORDER BY created_at"
    return [row[0] for row in await api.rows(query, email=email)]

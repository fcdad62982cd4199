"""A seat that is made ahead, through the api-db, the mail, the gate and the agent: handed over, and the next one made."""

import time
from typing import Any

import pytest
from visitor import Platform, until

WORKSHOP = "WKSHP-API101"


async def admin(platform: Platform) -> dict[str, str]:
    account = {"username": "admin", "password": platform.stack.state.secrets().admin_password}
    login = await platform.http.post(f"{platform.urls['api']}/api/v1/login", json=account)
    return {"Authorization": f"Bearer {login.json()['access_token']}"}


@pytest.mark.timeout(240)
async def test_a_ready_seat_is_handed_over_and_the_next_one_made(platform: Platform) -> None:
    headers = await admin(platform)
    placement = f"{platform.urls['api']}/api/v1/workshops/{WORKSHOP}/placements/1"
    changed = await platform.http.patch(placement, json={"ready_minimum": 1}, headers=headers)
    assert changed.status_code == 200, changed.text
    try:
        await _through(platform)
    finally:
        await platform.http.patch(placement, json={"ready_minimum": 0}, headers=headers)


async def _through(platform: Platform) -> None:
    async def one_ready() -> dict[str, Any] | None:
        found = await platform.operator("students", state="ready")
        return found[0] if found else None

    seat = await until(one_ready, "a ready seat")
    assert any((platform.home(seat["username"]) / WORKSHOP).iterdir())

    began = time.monotonic()
    token = await platform.register(WORKSHOP, "ready@example.org")

    await platform.in_state(token, "running")
    print(f"registered to running: {time.monotonic() - began:.2f} s")  # noqa: T201 - seen with -s
    username, password = await platform.credentials("ready@example.org")
    assert username == seat["username"]
    assert password

    async def next_one() -> bool | None:
        found = await platform.operator("students", state="ready")
        return True if found and found[0]["id"] != seat["id"] else None

    await until(next_one, "the next ready seat")
    await platform.http.post(f"{platform.urls['api']}/api/v1/registrations/{token}/end")
    await platform.cleaned(token)

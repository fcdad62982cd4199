"""What a person may change: more time, and once the address."""

import asyncio
from datetime import datetime

import pytest
from api_support import AgentDouble, Api
from httpx import Response

from wod_api_db.registrations import repository
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep


async def running(api: Api, agent: AgentDouble, email: str = "ada@example.org") -> dict[str, str]:
    """A session whose clock runs; the answer to its registration."""
    answer: dict[str, str] = (await api.register(email)).json()
    await agent.finish("CREATE", password="first-password")
    await api.change("UPDATE registrations SET clock_started_at = now(), ends_at = now() + duration")
    return answer


async def extend(api: Api, token: str) -> Response:
    return await api.http.post(f"/api/v1/registrations/{token}/extend")


async def minutes_left(api: Api) -> float:
    left = await api.value("SELECT extract(epoch FROM ends_at - now()) / 60 FROM registrations")
    return float(left)


async def test_an_extension_adds_half_the_duration_once(api: Api, agent: AgentDouble) -> None:
    token = (await running(api, agent))["token"]
    answer = await extend(api, token)
    assert answer.status_code == 200
    assert answer.json()["extension_seconds"] is None
    assert 179 < await minutes_left(api) <= 180
    again = await extend(api, token)
    assert (again.status_code, again.json()["type"]) == (409, "extension-refused")
    assert 179 < await minutes_left(api) <= 180


async def test_the_workshops_policy_says_how_often_and_how_long(api: Api, agent: AgentDouble) -> None:
    await api.change("UPDATE workshops SET extensions = 2, extension = interval '10 minutes'")
    registration = await running(api, agent)
    shown = (await api.http.get(f"/api/v1/registrations/{registration['token']}")).json()
    assert shown["extension_seconds"] == 600
    assert [(await extend(api, registration["token"])).status_code for _ in range(3)] == [200, 200, 409]
    assert 139 < await minutes_left(api) <= 140


async def test_who_is_warned_already_runs_on_and_is_warned_again(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    token = (await running(api, agent))["token"]
    await api.change("UPDATE registrations SET expiring_at = now()")
    await sweep(api.sessions, "test")
    assert await api.value("SELECT state FROM registrations") == "expiring"
    assert (await extend(api, token)).json()["state"] == "running"
    await api.change("UPDATE registrations SET expiring_at = now()")
    await sweep(api.sessions, "test")
    assert await api.value("SELECT count(*) FROM mails WHERE template = 'expiring'") == 2


async def test_no_extension_before_the_clock_runs(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    assert (await extend(api, token)).status_code == 409
    await agent.finish("CREATE", password="x")
    refused = await extend(api, token)
    assert refused.status_code == 409
    assert "has not begun" in refused.json()["detail"]


async def test_no_extension_while_the_workshop_is_full(api: Api, agent: AgentDouble) -> None:
    token = (await running(api, agent))["token"]
    for email in ("bea@example.org", "cy@example.org"):
        await api.register(email)
    refused = await extend(api, token)
    assert refused.status_code == 409
    assert "every seat" in refused.json()["detail"]


@pytest.mark.parametrize("locked", [True, False])
async def test_an_extension_and_the_last_registration_agree_on_the_room(
    api: Api, agent: AgentDouble, locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the lock, whoever counts the room second sees what the first has done; without it the extension is granted
    in a workshop that is full when it is granted."""
    token = (await running(api, agent))["token"]
    await api.register("bea@example.org")
    counted = asyncio.Event()
    registered = asyncio.Event()
    room_of = repository.room_of

    async def counting(session: object, placement: int, until: datetime) -> int:
        room = await room_of(session, placement, until)  # type: ignore[arg-type]
        counted.set()
        if not locked:
            await registered.wait()
        return room

    async def no_lock(*_: object) -> None:
        pass

    monkeypatch.setattr(repository, "room_of", counting)
    if not locked:
        monkeypatch.setattr(repository, "lock_placement", no_lock)
    extending = asyncio.create_task(extend(api, token))
    await counted.wait()
    assert (await api.register("cy@example.org")).status_code == 201
    registered.set()
    assert (await extending).status_code == 200
    order = "SELECT type FROM registration_events WHERE type IN ('registered', 'extended') ORDER BY id"
    last = (await api.rows(order))[-1][0]
    assert last == ("registered" if locked else "extended")


async def correct(api: Api, registration: dict[str, str], email: str, **changes: str) -> Response:
    body = {"email": email, "browser_key": registration["browser_key"]} | changes
    return await api.http.post(f"/api/v1/registrations/{registration['token']}/address", json=body)


async def test_a_mistyped_address_is_corrected_before_the_lab_is_there(api: Api, agent: AgentDouble) -> None:
    registration = (await api.register("ada@exmaple.org")).json()
    answer = await correct(api, registration, "ada@example.org")
    assert answer.status_code == 200
    assert answer.json()["correctable"] is False
    assert answer.json()["token"] != registration["token"]
    assert (await api.http.get(f"/api/v1/registrations/{registration['token']}")).status_code == 404
    assert (await api.http.get(f"/api/v1/registrations/{answer.json()['token']}")).status_code == 200
    mails = await api.rows("SELECT template, recipient, state FROM mails ORDER BY created_at")
    assert mails == [("welcome", "ada@exmaple.org", "withheld"), ("welcome", "ada@example.org", "queued")]
    await agent.finish("CREATE", password="x")
    recipient = "SELECT recipient FROM mails WHERE template = 'credentials'"
    assert await api.value(recipient) == "ada@example.org"


async def test_once_the_lab_is_there_it_is_made_anew_for_the_right_person(
    api: Api, agent: AgentDouble, settings: Settings
) -> None:
    registration = await running(api, agent, "ada@exmaple.org")
    answer = await correct(api, registration, "ada@example.org")
    assert (answer.json()["state"], answer.json()["ends_at"]) == ("deploying", None)
    assert await api.value("SELECT sealed_password FROM students WHERE number = 1") is None
    await agent.finish("CREATE", password="second-password")
    assert await api.value("SELECT state FROM registrations") == "running"
    sealed = await api.value("SELECT sealed_password FROM students WHERE number = 1")
    assert settings.passwords.open(sealed) == "second-password"
    mails = await api.rows("SELECT recipient, state FROM mails WHERE template = 'credentials' ORDER BY created_at")
    assert mails == [("ada@exmaple.org", "withheld"), ("ada@example.org", "queued")]


async def test_an_address_is_corrected_once(api: Api) -> None:
    registration = (await api.register("ada@exmaple.org")).json()
    corrected = (await correct(api, registration, "ada@example.org")).json()
    again = await correct(api, registration | {"token": corrected["token"]}, "bea@example.org")
    assert (again.status_code, again.json()["type"]) == (409, "correction-refused")


async def test_only_the_browser_that_registered_corrects(api: Api) -> None:
    registration = (await api.register("ada@exmaple.org")).json()
    refused = await correct(api, registration, "mallory@example.org", browser_key="A" * 32)
    assert refused.status_code == 403
    assert await api.value("SELECT email FROM registrations") == "ada@exmaple.org"


async def test_an_address_that_has_a_session_is_not_taken_over(api: Api) -> None:
    await api.register("bea@example.org")
    registration = (await api.register("ada@exmaple.org")).json()
    refused = await correct(api, registration, "Bea@example.org")
    assert (refused.status_code, refused.json()["type"]) == (409, "already-registered")
    assert (await api.http.get(f"/api/v1/registrations/{registration['token']}")).status_code == 200
    assert (await correct(api, registration, "not-an-address")).status_code == 422
    assert (await correct(api, registration, "ada@example.org")).status_code == 200


async def test_a_session_that_is_over_is_not_corrected(api: Api) -> None:
    registration = (await api.register("ada@exmaple.org")).json()
    await api.http.post(f"/api/v1/registrations/{registration['token']}/end")
    assert (await correct(api, registration, "ada@example.org")).status_code == 409

"""What keeps a stranger from guessing, flooding and finding out who is here; and that each attack works without its guard."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from api_support import ADMIN, Api
from limits_support import behind, register

from wod_api_db.accounts import passwords
from wod_api_db.app import create_app
from wod_api_db.limits import RateLimits
from wod_api_db.registrations import service
from wod_api_db.settings import Settings

UNKNOWN = {"username": "who-is-that", "password": "a guess of mine"}
KNOWN = ADMIN | {"password": "a guess of mine"}


@asynccontextmanager
async def strict(settings: Settings, **changes: object) -> AsyncIterator[httpx.AsyncClient]:
    """Two registrations, three logins and one wrong password a minute; asked from one address."""
    limits = {"registrations_per_minute": 2, "logins_per_minute": 3, "wrong_passwords_per_minute": 1}
    app = create_app(settings.model_copy(update=limits | changes))
    async with app.router.lifespan_context(app), behind(app, "192.0.2.1") as client:
        yield client


async def flood(client: httpx.AsyncClient) -> list[int]:
    return [(await register(client, number, f"198.51.100.{number}")).status_code for number in range(3)]


async def log_in(client: httpx.AsyncClient, account: dict[str, str], times: int) -> list[int]:
    return [(await client.post("/api/v1/login", json=account)).status_code for _ in range(times)]


async def test_a_flood_is_stopped_whatever_it_says_of_its_address(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with strict(settings) as client:
        assert await flood(client) == [201, 201, 429]
    async with strict(settings, trusted_proxies="0.0.0.0/0") as client:
        assert {status for status in await flood(client) if status == 429} == set(), "whoever is believed lies"
    monkeypatch.setattr(RateLimits, "registration", lambda *_: None)
    async with strict(settings) as client:
        assert 429 not in await flood(client)


async def test_guessing_is_stopped_by_the_name_and_by_the_address(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with strict(settings) as client:
        assert await log_in(client, KNOWN, 2) == [401, 429]
        assert await log_in(client, ADMIN, 1) == [429], "the right password is no exception"
    async with strict(settings, wrong_passwords_per_minute=100) as client:
        assert await log_in(client, UNKNOWN, 4) == [401, 401, 401, 429]
    monkeypatch.setattr(RateLimits, "login", lambda *_: None)
    async with strict(settings) as client:
        assert await log_in(client, KNOWN, 4) == [401] * 4
        assert await log_in(client, ADMIN, 1) == [200]


async def test_an_unknown_name_is_answered_like_a_wrong_password_after_the_same_work(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted and not timed: a clock would judge the machine."""
    work: list[str] = []
    verify = passwords._HASHER.verify

    class Counted:
        hash = passwords._HASHER.hash

        @staticmethod
        def verify(password: str, hashed: str) -> bool:
            work.append(hashed)
            return bool(verify(password, hashed))

    monkeypatch.setattr(passwords, "_HASHER", Counted)
    answers = [await api.http.post("/api/v1/login", json=account) for account in (UNKNOWN, KNOWN)]
    assert answers[0].json() == answers[1].json()
    assert [answer.status_code for answer in answers] == [401, 401]
    assert len(work) == 2
    assert {parameters(hashed) for hashed in work} == {parameters(work[0])}

    # and without the decoy the unknown one costs nothing
    monkeypatch.setattr(passwords, "_verify", lambda password, hashed: bool(hashed) and verify(password, hashed))
    work.clear()
    await api.http.post("/api/v1/login", json=UNKNOWN)
    assert work == []


def parameters(hashed: str) -> str:
    """What a hash costs."""
    found = re.match(r"\$argon2id\$v=\d+\$[^$]+\$", hashed)
    assert found, hashed
    return found[0]


async def test_a_personal_link_is_long_and_a_made_up_one_is_like_none(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await api.register()).json()["token"]
    number, mac = token.split("-", 1)
    assert len(mac) * 6 >= 128  # bits
    made_up = f"{number}-{'A' * len(mac)}"
    wrong = await api.http.get(f"/api/v1/registrations/{made_up}")
    nobody = await api.http.get(f"/api/v1/registrations/4711-{mac}")
    assert (wrong.status_code, wrong.json()) == (nobody.status_code, nobody.json()) == (404, nobody.json())
    assert (await api.http.post(f"/api/v1/registrations/{made_up}/end")).status_code == 404
    monkeypatch.setattr(service, "is_valid", lambda *_: True)
    assert (await api.http.get(f"/api/v1/registrations/{made_up}")).json()["id"] == int(number)


async def test_an_erased_persons_link_opens_nothing_any_more(api: Api) -> None:
    token = (await api.register()).json()["token"]
    before = await api.value("SELECT link_nonce FROM registrations")
    assert (await api.http.delete(f"/api/v1/registrations/{token}/data")).is_success
    assert (await api.http.get(f"/api/v1/registrations/{token}")).status_code == 404
    # what has revoked it is the row's nonce: with the old one it would still open
    await api.change("UPDATE registrations SET link_nonce = :nonce", nonce=before)
    assert (await api.http.get(f"/api/v1/registrations/{token}")).status_code == 200

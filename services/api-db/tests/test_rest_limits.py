"""What protects the public part: how often one address, or one name, may ask."""

from collections.abc import AsyncIterator

import pytest
from api_support import ADMIN, Api, settings_for
from fastapi import FastAPI
from limits_support import behind, register
from pydantic import ValidationError

from wod_api_db.app import create_app
from wod_api_db.limits import RateLimits
from wod_api_db.settings import Settings
from wod_common.problems import TooManyRequests


@pytest.fixture
async def strict(settings: Settings) -> AsyncIterator[FastAPI]:
    """Two registrations and three logins a minute, one wrong password."""
    changes = {
        "registrations_per_minute": 2,
        "logins_per_minute": 3,
        "wrong_passwords_per_minute": 1,
        "trusted_proxies": "127.0.0.1, 10.0.0.0/8",
    }
    app = create_app(settings.model_copy(update=changes))
    async with app.router.lifespan_context(app):
        yield app


async def test_one_address_registers_so_often_and_is_told_when_again(strict: FastAPI) -> None:
    async with behind(strict, "192.0.2.1") as client:
        statuses = [(await register(client, number)).status_code for number in range(2)]
        refused = await register(client, 2)
    assert statuses == [201, 201]
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "too-many-requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    async with behind(strict, "192.0.2.2") as other:
        assert (await register(other, 3)).status_code == 201


async def test_a_trusted_proxy_names_the_visitor_and_a_stranger_does_not(strict: FastAPI) -> None:
    async with behind(strict, "10.1.2.3") as portal:
        visitors = [(await register(portal, number, f"198.51.100.{number}")).status_code for number in range(3)]
        # what the visitor himself claims stands left of what the proxy saw
        claimed = [await register(portal, number, f"203.0.113.{number}, 198.51.100.99") for number in range(3, 6)]
    assert visitors == [201, 201, 201]
    assert [answer.status_code for answer in claimed][-1] == 429
    async with behind(strict, "192.0.2.1") as stranger:
        lies = [(await register(stranger, number, f"198.51.100.{number}")).status_code for number in range(6, 9)]
    assert lies[-1] == 429


async def test_an_ipv6_network_counts_as_one(strict: FastAPI) -> None:
    async with behind(strict, "127.0.0.1") as portal:
        statuses = [(await register(portal, number, f"2001:db8::{number}")).status_code for number in range(3)]
    assert statuses == [201, 201, 429]


async def test_guessing_one_name_is_stopped_from_wherever_it_comes(strict: FastAPI) -> None:
    wrong = ADMIN | {"password": "a guess"}
    async with behind(strict, "192.0.2.1") as first, behind(strict, "192.0.2.2") as second:
        assert (await first.post("/api/v1/login", json=wrong)).status_code == 401
        refused = await second.post("/api/v1/login", json=ADMIN)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert (await second.post("/api/v1/login", json=wrong | {"username": "somebody"})).status_code == 401


async def test_one_address_logs_in_so_often(strict: FastAPI) -> None:
    async with behind(strict, "192.0.2.1") as client:
        statuses = [(await client.post("/api/v1/login", json=ADMIN)).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


async def test_a_conference_behind_one_address_is_let_in(api: Api) -> None:
    limits: RateLimits = api.app.state.limits
    for _ in range(300):
        limits.registration("192.0.2.1")
    for _ in range(300):
        limits.registration("192.0.2.1")
    with pytest.raises(TooManyRequests):
        limits.registration("192.0.2.1")


def test_a_mistyped_proxy_is_named_at_the_start(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="not-a-network"):
        settings_for("postgresql://u:p@h/d", settings.command_key, trusted_proxies="127.0.0.1, not-a-network")

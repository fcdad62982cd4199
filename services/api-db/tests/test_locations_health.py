"""When a location counts as healthy."""

import pytest
from api_support import Api
from sqlalchemy import select

from wod_api_db.locations.health import healthy
from wod_api_db.locations.models import Location


async def is_healthy(api: Api) -> bool:
    async with api.sessions() as session:
        return (await session.execute(select(healthy()).select_from(Location))).scalar_one()


async def test_a_location_without_any_heartbeat_ever_counts_as_healthy(api: Api) -> None:
    assert await is_healthy(api)


@pytest.mark.parametrize(
    ("age", "health", "expected"),
    [
        (59, '{"hub": true}', True),
        (61, '{"hub": true}', False),
        (1, '{"hub": false}', False),
        (1, "{}", False),
    ],
)
async def test_a_location_is_judged_by_its_last_heartbeat(api: Api, age: int, health: str, expected: bool) -> None:
    await api.change(
        "UPDATE locations SET last_heartbeat_at = now() - make_interval(secs => :age), health = CAST(:health AS jsonb)",
        age=age,
        health=health,
    )
    assert await is_healthy(api) is expected

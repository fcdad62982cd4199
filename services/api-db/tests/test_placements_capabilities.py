"""What a location's delivery can do, against what a workshop needs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from api_support import AgentDouble, Api, write_workshop
from entering_twins import AFTER_THE_ROOM, halting
from locations_support import PLACEMENTS, Operator, beat, running
from test_range_change import somebody_waits

from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep
from wod_api_db.workshops.synchronising import synchronise

THROUGH_THE_HUB = ["appliance", "varpass"]
EVERYTHING = ["appliance", "compile", "hooks", "kept-home", "ldap", "varpass"]
REFUSED = "placement-refused"


@pytest.fixture
async def operator(api: Api) -> Operator:
    return await Operator.of(api)


async def needs_hooks(api: Api) -> None:
    await api.change("UPDATE workshops SET hooks = true")


async def houston_tells(api: Api, capabilities: list[str] | None) -> None:
    await api.change("UPDATE locations SET capabilities = CAST(:told AS text[]) WHERE id = 2", told=capabilities)


async def notices(api: Api) -> list[Any]:
    return await api.rows("SELECT kind, text, location_id FROM notices ORDER BY id")


async def closed(api: Api, location: int) -> bool:
    return bool(await api.value(f"SELECT closed_at IS NOT NULL FROM placements WHERE location_id = {location}"))


async def test_what_an_agent_tells_is_shown(api: Api, operator: Operator) -> None:
    assert (await operator.done("GET", "/locations/1"))["capabilities"] is None
    assert (await beat(api, capabilities=["varpass", "appliance"])).status_code == 200
    assert (await operator.done("GET", "/locations/1"))["capabilities"] == THROUGH_THE_HUB


async def test_a_heartbeat_that_tells_nothing_changes_nothing(api: Api, operator: Operator) -> None:
    await beat(api, capabilities=THROUGH_THE_HUB)
    await beat(api)
    assert (await operator.done("GET", "/locations/1"))["capabilities"] == THROUGH_THE_HUB


@pytest.mark.parametrize("told", [["flying"], "varpass", [1], ["varpass"] * 100])
async def test_what_is_no_capability_is_refused(api: Api, told: object) -> None:
    assert (await beat(api, capabilities=told)).status_code == 422


@pytest.mark.parametrize(
    ("need", "told"),
    [
        ("hooks = true", "hooks in scripts/"),
        ("ldap = true", "ldap in wod.yml"),
        ("compile = '[\"a.sh\"]'", "compile in wod.yml"),
    ],
)
async def test_a_placement_that_cannot_be_is_refused_with_what_is_missing(
    api: Api, operator: Operator, need: str, told: str
) -> None:
    await operator.add_houston()
    await api.change(f"UPDATE workshops SET {need}")
    await houston_tells(api, THROUGH_THE_HUB)
    terms = {"location": 2, "first": 1, "last": 5, "capacity": 5}
    for path in (PLACEMENTS, "/workshops/WKSHP-API101/move"):
        why = await operator.refused(409, "POST", path, terms)
        assert "WKSHP-API101 cannot be given at Houston" in why
        assert told in why
    assert await api.value("SELECT count(*) FROM placements") == 1


@pytest.mark.parametrize("told", [None, EVERYTHING])
async def test_a_location_that_can_or_has_never_told_gets_the_workshop(
    api: Api, operator: Operator, told: list[str] | None
) -> None:
    await needs_hooks(api)
    await operator.add_houston()
    await houston_tells(api, told)
    await operator.done("POST", "/workshops/WKSHP-API101/move", {"location": 2, "first": 1, "last": 5, "capacity": 5})
    assert not await closed(api, 2)


async def test_varpass_and_appliances_can_be_had_through_the_hub(api: Api, operator: Operator) -> None:
    await api.change("UPDATE workshops SET varpass = true, multiappliance = true, ldap = false")
    await beat(api, capabilities=THROUGH_THE_HUB)
    assert not await closed(api, 1)


async def test_a_location_that_can_no_more_closes_the_placement_once_and_who_is_in_stays(
    api: Api, operator: Operator, agent: AgentDouble
) -> None:
    token = await running(api, agent, "ada@example.org")
    await needs_hooks(api)
    for _ in range(2):
        assert (await beat(api, capabilities=THROUGH_THE_HUB)).status_code == 200
    assert await closed(api, 1)
    ((kind, text, location),) = await notices(api)
    assert (kind, location) == (REFUSED, 1)
    assert "WKSHP-API101 cannot be given at Grenoble" in text
    assert "hooks" in text
    assert (await api.http.get(f"/api/v1/registrations/{token}")).json()["state"] == "running"
    assert (await api.register("grace@example.org")).status_code == 409
    await sweep(api.sessions, "test")


async def test_such_a_placement_is_opened_only_where_it_can_be(api: Api, operator: Operator) -> None:
    await needs_hooks(api)
    await beat(api, capabilities=THROUGH_THE_HUB)
    assert "hooks" in await operator.refused(409, "PATCH", f"{PLACEMENTS}/1", {"closed": False})
    await beat(api, capabilities=EVERYTHING)
    assert await closed(api, 1)
    await operator.done("PATCH", f"{PLACEMENTS}/1", {"closed": False})
    assert not await closed(api, 1)


async def test_a_synchronisation_closes_what_cannot_be_and_says_why(api: Api, tmp_path: Path) -> None:
    await beat(api, capabilities=THROUGH_THE_HUB)
    content = tmp_path / "content"
    write_workshop(content)
    write_workshop(content, "WKSHP-Hooked", first=5, last=6)
    (content / "scripts").mkdir()
    for name in ("API101", "Hooked"):
        (content / "scripts" / f"cleanup-WKSHP-{name}.sh").write_text("#!/bin/sh\n")
    for number in range(2):
        async with api.sessions.begin() as session:
            report = await synchronise(session, [content])
        if not number:
            assert sum("lacks what it needs (hooks in scripts/)" in note.reason for note in report.notes) == 2
    assert await api.rows("SELECT count(*), count(closed_at) FROM placements") == [(2, 2)]
    assert [kind for kind, *_ in await notices(api)] == [REFUSED, REFUSED]


async def test_who_registers_while_a_location_tells_for_the_first_time_gets_in(api: Api, settings: Settings) -> None:
    """One has the placement and needs the location's key, the other has the location and needs the placement."""
    async with halting(settings, AFTER_THE_ROOM) as halt:
        registering = asyncio.create_task(api.register())
        await halt.reached(by=1)
        telling = asyncio.create_task(beat(api, capabilities=THROUGH_THE_HUB))
        await somebody_waits(api)
        await halt.go_on()
        assert (await registering).status_code == 201
    assert (await telling).status_code == 200

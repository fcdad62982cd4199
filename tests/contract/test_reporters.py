"""The same is promised of every reporter, before every api-db."""

import logging
from itertools import count
from pathlib import Path

import pytest
import structlog
from contract_road import MISFORTUNES, PASSWORD, Reporting, Road, reporting, until
from contract_sides import Side

from wod_common.commands import Command

ADA, BOB = "ada@corp-a.com", "bob@corp-b.com"


@pytest.fixture(autouse=True)
def short_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wod_backend_agent.reporting.FIRST_GAP_SECONDS", 0.001)
    monkeypatch.setattr("wod_backend_agent.reporting.LONGEST_GAP_SECONDS", 0.01)


async def whole_session(side: Side, folder: Path, road: Road) -> list[Command]:
    async with reporting(folder, side, road) as agent:
        commands = [await side.begin(ADA)]
        await agent.do(commands[0])
        [told] = await side.credentials(ADA)
        assert PASSWORD in told
        commands.append(await side.end())
        await agent.do(commands[1])
        assert await side.completion() == 75
        commands.append(await side.purge())
        await agent.do(commands[2])
    assert await side.seat_is_free()
    return commands


async def test_a_session_is_told_from_its_credentials_to_its_free_seat(side: Side, tmp_path: Path) -> None:
    await whole_session(side, tmp_path, Road())


async def test_every_request_may_fail_in_every_way(side: Side, tmp_path: Path) -> None:
    road = Road(plan=MISFORTUNES)
    await whole_session(side, tmp_path, road)
    assert len(road.requests) > 3 * len(MISFORTUNES)


async def test_what_is_told_twice_has_no_second_effect(side: Side, tmp_path: Path) -> None:
    commands = await whole_session(side, tmp_path, Road())
    before = await side.story()
    async with reporting(tmp_path, side, Road()) as agent:
        await agent.tell_again(*commands)
    assert await side.story() == before


async def test_what_is_told_again_late_leaves_the_next_person_alone(side: Side, tmp_path: Path) -> None:
    commands = await whole_session(side, tmp_path, Road())
    async with reporting(tmp_path, side, Road()) as agent:
        create = await side.begin(BOB)
        await agent.tell_again(*commands)
        await agent.do(create)
        [told] = await side.credentials(BOB)
        assert PASSWORD in told
        before = await side.story()
        await agent.tell_again(*commands)
    assert await side.story() == before


async def test_an_api_db_that_was_away_for_long_hears_it_all(side: Side, tmp_path: Path) -> None:
    road = Road(away=True)
    async with reporting(tmp_path, side, road) as agent:
        create = await side.begin(ADA)
        await agent.run(create)

        async def has_tried() -> bool:
            return len(road.requests) > 20

        await until(has_tried)
        road.away = False
        await agent.told()
        [told] = await side.credentials(ADA)
    assert PASSWORD in told


async def test_a_crash_after_any_request_leaves_nothing_untold(side: Side, tmp_path: Path) -> None:
    create = await side.begin(ADA)
    async with reporting(tmp_path, side, Road(away=True)) as agent:
        await agent.run(create)
    assert await crashes_until_told(side, tmp_path) >= 3
    [told] = await side.credentials(ADA)
    assert PASSWORD in told
    cleanup = await side.end()
    async with reporting(tmp_path, side, Road(away=True)) as agent:
        await agent.run(cleanup)
    assert await crashes_until_told(side, tmp_path) >= 3
    assert await side.completion() == 75


async def crashes_until_told(side: Side, folder: Path) -> int:
    """The agent is lost after its first request, the next one after its second, and so on."""
    for crashes in count(1):
        road = Road(lasts=crashes)
        async with reporting(folder, side, road) as agent:
            await until(lambda: either(road, agent))  # noqa: B023 - awaited at once
            if await agent.has_told():
                return crashes
    raise AssertionError


async def either(road: Road, agent: Reporting) -> bool:
    return await road.is_over() or await agent.has_told()


async def test_a_report_that_nobody_will_ever_take_is_dropped(side: Side, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with reporting(tmp_path, side, Road()) as agent:
            create = await side.begin(ADA)
            await agent.do(side.unknown(create))
    assert "report dropped" in {line["event"] for line in lines}
    assert PASSWORD not in str(lines)


async def test_nothing_secret_is_logged(side: Side, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as lines:
        await whole_session(side, tmp_path, Road(plan=MISFORTUNES))
    # the mailbox of these tests writes down whole mails
    libraries = [record.getMessage() for record in caplog.records if not record.name.startswith("mail.")]
    assert libraries
    said = str(lines) + str(libraries)
    assert "report kept" in said
    for secret in (PASSWORD, "operator-secret", "agent-secret", "the-back-end's-own", "eyJ"):
        assert secret not in said

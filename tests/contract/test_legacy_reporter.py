"""What an original api-db is told of each command, word for word."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from contract_road import PASSWORD, Reporting, Road, reporting
from contract_sides import OriginalSide
from original_api_db import BASESTDID, LOCATION, OriginalApiDb, on_a_socket
from prometheus_client import REGISTRY

from wod_backend_agent.api_client import NotOffered
from wod_backend_agent.legacy_reporting import NoHeartbeats
from wod_common.commands import Command, Verb
from wod_demo.ports import free_port

PLAIN, FRAGILE = "WKSHP-API101", "WKSHP-Fragile"


@pytest.fixture(autouse=True)
def short_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wod_backend_agent.reporting.FIRST_GAP_SECONDS", 0.001)
    monkeypatch.setattr("wod_backend_agent.reporting.LONGEST_GAP_SECONDS", 0.01)


@pytest.fixture
async def side() -> AsyncIterator[OriginalSide]:
    original = OriginalApiDb()
    original.add_workshop(PLAIN, 1, 2)
    original.add_workshop(FRAGILE, 5, 8, reset=True)
    async with on_a_socket(original.app(), free_port()) as url:
        yield OriginalSide(original, url)


@pytest.fixture
def original(side: OriginalSide) -> OriginalApiDb:
    return side.original


@pytest.fixture
def road() -> Road:
    return Road()


@pytest.fixture
async def agent(side: OriginalSide, tmp_path: Path, road: Road) -> AsyncIterator[Reporting]:
    async with reporting(tmp_path, side, road) as parts:
        yield parts


def command(verb: Verb, student: int, registration: int, workshop: str = PLAIN, last: int | None = None) -> Command:
    return Command(
        id=uuid4(), verb=verb, location=LOCATION, student=student, last=last,
        registration=registration, workshop=workshop, authority="listed",
    )  # fmt: skip


async def enter(agent: Reporting, original: OriginalApiDb, workshop: str = PLAIN) -> int:
    """Somebody registers and gets the first free seat; his number."""
    customer = original.register(workshop, "ada@corp-a.com")
    await agent.do(command(Verb.CREATE, customer["studentId"] - BASESTDID, customer["id"], workshop))
    original.puts.clear()
    return int(customer["id"])


def changes(original: OriginalApiDb) -> list[tuple[str, Any]]:
    """Since the last look, with what opens nothing made recognisable."""
    seen = [(path, values | _dead(values)) for path, values in original.puts]
    original.puts.clear()
    return seen


def _dead(values: dict[str, Any]) -> dict[str, str]:
    return {"password": "dead"} if values.get("password", PASSWORD) != PASSWORD else {}


async def test_a_session_where_no_reset_is_wanted(original: OriginalApiDb, agent: Reporting) -> None:
    original.register(PLAIN, "ada@corp-a.com")
    await agent.do(command(Verb.CREATE, 1, 1))
    assert changes(original) == [("student/1001", {"password": PASSWORD}), ("customer/1", {"active": "true"})]
    await agent.do(command(Verb.CLEANUP, 1, 1))
    assert changes(original) == [
        ("student/1001", {"password": "dead"}),
        ("customer/1", {"completionPercentage": "75"}),
        ("student/1001", {"assigned": "false"}),
        ("customer/1", {"cleaned": "true"}),
    ]
    await agent.do(command(Verb.PURGE, 1, 1))
    assert changes(original) == [("student/1001", {"password": "dead"})]
    assert not original.students[BASESTDID + 1]["assigned"]


async def test_a_seat_that_needs_a_reset_is_kept_until_then(original: OriginalApiDb, agent: Reporting) -> None:
    original.register(FRAGILE, "ada@corp-a.com")
    await agent.do(command(Verb.CREATE, 5, 1, FRAGILE))
    changes(original)
    await agent.do(command(Verb.CLEANUP, 5, 1, FRAGILE))
    assert changes(original) == [
        ("student/1005", {"password": "dead"}),
        ("customer/1", {"completionPercentage": "75"}),
        ("student/1005", {"assigned": "true"}),
        ("customer/1", {"active": "false"}),
        ("customer/1", {"cleaned": "true"}),
    ]
    await agent.do(command(Verb.RESET, 5, 1, FRAGILE))
    assert changes(original) == [("student/1005", {"password": "dead"}), ("student/1005", {"assigned": "false"})]


async def test_a_purge_frees_a_seat_that_was_kept(original: OriginalApiDb, agent: Reporting) -> None:
    await enter(agent, original, FRAGILE)
    await agent.do(command(Verb.CLEANUP, 5, 1, FRAGILE))
    changes(original)
    await agent.do(command(Verb.PURGE, 5, 1, FRAGILE))
    assert changes(original) == [("student/1005", {"assigned": "false", "password": "dead"})]


async def test_a_delete_is_a_cleanup_and_a_purge(original: OriginalApiDb, agent: Reporting) -> None:
    original.register(FRAGILE, "ada@corp-a.com")
    await agent.do(command(Verb.CREATE, 5, 1, FRAGILE))
    await agent.do(command(Verb.DELETE, 5, 1, FRAGILE))
    assert original.customers[1]["cleaned"] is True
    assert original.students[BASESTDID + 5]["assigned"] is False


async def test_the_reset_of_a_range_gives_the_workshop_its_capacity_back(
    original: OriginalApiDb, agent: Reporting
) -> None:
    for number in (1, 2, 3):
        original.register(FRAGILE, f"{number}@corp-a.com")
        await agent.do(command(Verb.CREATE, 4 + number, number, FRAGILE))
        await agent.do(command(Verb.CLEANUP, 4 + number, number, FRAGILE))
    assert original.workshops[2]["capacity"] == 1
    changes(original)
    await agent.do(command(Verb.RESET, 5, 3, FRAGILE, last=8))
    said = changes(original)
    assert [path for path, values in said if values == {"password": "dead"}] == [
        f"student/{seat}" for seat in range(1005, 1009)
    ]
    freed = [path for path, values in said if values == {"assigned": "false"}]
    assert freed == ["student/1005", "student/1006", "student/1007"]
    assert said[-1] == ("workshop/2", {"capacity": "4"})
    assert original.workshops[2]["capacity"] == 4


async def test_a_reset_does_not_free_the_seat_of_somebody_whose_create_is_on_its_way(
    original: OriginalApiDb, agent: Reporting
) -> None:
    await enter(agent, original, FRAGILE)
    await agent.do(command(Verb.CLEANUP, 5, 1, FRAGILE))
    original.register(FRAGILE, "bob@corp-b.com")
    await agent.do(command(Verb.RESET, 5, 1, FRAGILE, last=8))
    assert original.students[BASESTDID + 6]["assigned"] is True
    assert original.students[BASESTDID + 5]["assigned"] is False
    assert original.workshops[2]["capacity"] == 3


async def test_a_reset_that_the_workshop_does_not_want_is_no_news(original: OriginalApiDb, agent: Reporting) -> None:
    await enter(agent, original)
    await agent.do(command(Verb.RESET, 1, 1))
    assert changes(original) == []


async def test_a_purge_leaves_the_seats_next_customer_alone(original: OriginalApiDb, agent: Reporting) -> None:
    original.add_workshop("WKSHP-One", 9, 9)
    original.register("WKSHP-One", "ada@corp-a.com")
    await agent.do(command(Verb.CREATE, 9, 1, "WKSHP-One"))
    await agent.do(command(Verb.CLEANUP, 9, 1, "WKSHP-One"))
    original.register("WKSHP-One", "bob@corp-b.com")
    changes(original)
    await agent.do(command(Verb.PURGE, 9, 1, "WKSHP-One"))
    assert changes(original) == []
    assert original.students[BASESTDID + 9]["assigned"] is True


async def test_a_challenge_is_looked_up_by_its_workshop(original: OriginalApiDb, agent: Reporting) -> None:
    await enter(agent, original, FRAGILE)
    await agent.do(command(Verb.CLEANUP, 5, 1, FRAGILE.replace("WKSHP", "CHLG")))
    assert ("student/1005", {"assigned": "true"}) in changes(original)


async def test_a_workshop_that_is_gone_does_not_hold_its_seats(original: OriginalApiDb, agent: Reporting) -> None:
    await enter(agent, original, FRAGILE)
    await enter(agent, original, FRAGILE)
    await agent.do(command(Verb.CLEANUP, 6, 2, FRAGILE))
    del original.workshops[2]
    await agent.do(command(Verb.CLEANUP, 5, 1, FRAGILE))
    assert original.students[BASESTDID + 5]["assigned"] is False


async def test_a_customer_that_is_gone_does_not_hold_his_seat(original: OriginalApiDb, agent: Reporting) -> None:
    await enter(agent, original)
    del original.customers[1]
    with structlog.testing.capture_logs() as lines:
        await agent.do(command(Verb.CLEANUP, 1, 1))
    assert original.students[BASESTDID + 1]["assigned"] is False
    assert {line["what"] for line in lines if line["event"] == "report dropped"} == {"customer 1"}


@pytest.mark.parametrize("over", ["error", "expired", "unregister"])
async def test_a_late_create_does_not_open_a_session_that_is_over(
    original: OriginalApiDb, agent: Reporting, over: str
) -> None:
    original.register(PLAIN, "ada@corp-a.com")["lastEmailSent"] = over
    await agent.do(command(Verb.CREATE, 1, 1))
    assert changes(original) == []


async def test_the_ends_of_a_seats_commands_are_told_in_their_order(
    original: OriginalApiDb, agent: Reporting, road: Road
) -> None:
    original.register(PLAIN, "ada@corp-a.com")
    road.away = True
    for verb in (Verb.CREATE, Verb.CLEANUP, Verb.PURGE):
        await agent.run(command(verb, 1, 1))
    road.away = False
    await agent.told()
    assert [values for _, values in changes(original)] == [
        {"password": PASSWORD}, {"active": "true"},
        {"password": "dead"}, {"completionPercentage": "75"}, {"assigned": "false"}, {"cleaned": "true"},
        {"password": "dead"},
    ]  # fmt: skip


async def test_a_failure_is_left_to_the_originals_own_limit(original: OriginalApiDb, agent: Reporting) -> None:
    """It apologises to who has not become active in 10 minutes, and cleans the seat."""
    original.register(PLAIN, "ada@corp-a.com")
    create = command(Verb.CREATE, 1, 1)
    before = _failures()
    with structlog.testing.capture_logs() as lines:
        await agent.journal.accept(create, None)
        await agent.journal.fail(create.id, "line 3 of 1-Lab.ipynb: IPADRESS is not defined", 1.0)
        await agent.told()
    assert changes(original) == []
    assert original.customers[1]["active"] is False
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert (line["verb"], line["registration"], line["error"]) == (
        "CREATE", 1, "line 3 of 1-Lab.ipynb: IPADRESS is not defined",
    )  # fmt: skip
    assert _failures() == before + 1


def _failures() -> float:
    return REGISTRY.get_sample_value("wod_agent_untold_failures_total", {"verb": "CREATE"}) or 0.0


async def test_a_login_serves_until_it_expires(original: OriginalApiDb, agent: Reporting) -> None:
    original.register(PLAIN, "ada@corp-a.com")
    await agent.do(command(Verb.CREATE, 1, 1))
    assert original.logins == 1
    original.tokens.clear()
    await agent.do(command(Verb.CLEANUP, 1, 1))
    assert original.logins == 2
    assert original.customers[1]["cleaned"] is True


async def test_no_heartbeat_is_sent() -> None:
    with pytest.raises(NotOffered):
        await NoHeartbeats().take(None)  # type: ignore[arg-type]  # it is not looked at

"""Somebody registers while the workers look after the ready seats: each seat goes one way."""

import asyncio

import pytest
from api_support import AgentDouble, Api
from ready_support import keep_ready, prepared, states, swept
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.ready import repository, sweeping
from wod_api_db.sweep import sweep

STALE = "UPDATE workshops SET content_version = 'new'"


async def claims_of(api: Api) -> list[tuple[str, int]]:
    """Commands that would have to be obeyed on the seat beside each other."""
    return await api.rows(
        "SELECT verb, student_id FROM commands WHERE state = 'queued' ORDER BY verb",
    )


@pytest.mark.parametrize("first", ["sweep", "visitor"])
async def test_a_stale_seat_is_cleaned_or_taken_and_never_both(api: Api, agent: AgentDouble, first: str) -> None:
    await keep_ready(api)
    await prepared(api, agent)
    await api.change("UPDATE placements SET first_seat = 3, ready_retry_at = now() + interval '1 hour'")
    await api.change(STALE)
    if first == "sweep":
        async with api.sessions.begin() as session:
            await sweeping._clean(session)
            refused = await api.register()
        assert refused.status_code == 409
        assert await claims_of(api) == [("PURGE", 1003)]
        return
    async with api.sessions.begin() as session:
        await session.execute(text("SELECT 1 FROM students WHERE number = 3 FOR UPDATE"))
        await swept(api)
        assert (await states(api))[2] == "ready"
    assert (await api.register()).status_code == 201
    await swept(api)
    assert await claims_of(api) == [("CREATE", 1003)]


async def test_a_crowd_and_two_workers_leave_every_seat_with_one_command(api: Api, agent: AgentDouble) -> None:
    await keep_ready(api, 2)
    await prepared(api, agent)
    await prepared(api, agent)
    await api.change(STALE)
    visitors = [api.register(f"v{number}@example.org") for number in range(4)]
    workers = [sweep(api.sessions, name) for name in ("one", "two")]
    answers = await asyncio.gather(*visitors, *workers)
    seated = sum(answer is not None and answer.status_code == 201 for answer in answers)
    assert seated + (await states(api)).count("cleaning") <= 3
    assigned = await api.value("SELECT count(*) FROM students WHERE state = 'assigned'")
    assert seated == assigned == await api.value("SELECT count(*) FROM commands WHERE verb = 'CREATE'")
    twice = "SELECT student_id FROM commands WHERE state = 'queued' GROUP BY student_id HAVING count(*) > 1"
    assert await api.rows(twice) == []


async def test_two_workers_make_no_more_than_is_wanted(api: Api) -> None:
    await keep_ready(api)
    await asyncio.gather(*(sweep(api.sessions, str(number)) for number in range(4)))
    assert (await states(api)).count("preparing") == 1


async def test_without_its_lock_two_workers_make_too_many(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the test above: it can fail."""
    await keep_ready(api)
    counted = asyncio.Barrier(2)
    wanting = repository.wanting

    async def unlocked(_: AsyncSession) -> bool:
        return True

    async def together(session: AsyncSession) -> object:
        found = await wanting(session)
        await counted.wait()
        return found

    monkeypatch.setattr(repository, "alone", unlocked)
    monkeypatch.setattr(repository, "wanting", together)
    await asyncio.gather(*(sweep(api.sessions, str(number)) for number in range(2)))
    assert (await states(api)).count("preparing") == 2

"""Seats that are reset all together."""

from collections.abc import Iterable

from api_support import AgentDouble, Api

from wod_api_db.sweep import sweep

EMAILS = ("ada@example.org", "bea@example.org")


async def two_running(api: Api, agent: AgentDouble) -> list[str]:
    await api.change("UPDATE workshops SET reset = true")
    await api.change("UPDATE placements SET reset_range = true")
    tokens = []
    for email in EMAILS:
        tokens.append((await api.register(email)).json()["token"])
        await agent.finish("CREATE", password="x")
    return tokens


async def end_and_clean(api: Api, agent: AgentDouble, tokens: Iterable[str]) -> None:
    for token in tokens:
        await api.http.post(f"/api/v1/registrations/{token}/end")
        await agent.finish("CLEANUP", completion=0)


async def states(api: Api) -> list[str]:
    return [row[0] for row in await api.rows("SELECT state FROM students WHERE number <= 2 ORDER BY number")]


async def test_the_last_one_out_triggers_it_and_then_all_are_purged(api: Api, agent: AgentDouble) -> None:
    first, second = await two_running(api, agent)
    await end_and_clean(api, agent, [first])
    await sweep(api.sessions, "test")
    assert await states(api) == ["resetting", "assigned"]
    assert not await api.rows("SELECT 1 FROM commands WHERE verb = 'RESET'")
    full = await api.register("cy@example.org")
    assert (full.status_code, full.json()["type"]) == (409, "workshop-full")

    await end_and_clean(api, agent, [second])
    await sweep(api.sessions, "test")
    assert await api.rows("SELECT first_student, last_student FROM commands WHERE verb = 'RESET'") == [(1, 3)]
    await agent.finish("RESET")
    await agent.finish("PURGE")
    await sweep(api.sessions, "test")
    await agent.finish("PURGE")
    assert await states(api) == ["free", "free"]
    assert (await api.register("cy@example.org")).status_code == 201


async def test_a_reset_that_fails_is_tried_again_after_another_cleaning(api: Api, agent: AgentDouble) -> None:
    tokens = await two_running(api, agent)
    await end_and_clean(api, agent, tokens)
    await sweep(api.sessions, "test")
    command, _ = await api.outstanding()
    await agent.report(command, "failed", error="the appliance is away")
    assert await api.value("SELECT range_reset FROM placements") == "waiting"
    await api.change("UPDATE commands SET due_at = now()")
    await agent.finish("CLEANUP")
    await sweep(api.sessions, "test")
    await agent.finish("RESET")
    await agent.finish("PURGE")
    await sweep(api.sessions, "test")
    await agent.finish("PURGE")
    assert await states(api) == ["free", "free"]


async def test_by_hand_while_nobody_is_in(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    await agent.finish("CREATE", password="x")
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP")
    await agent.finish("PURGE")
    await api.change("UPDATE placements SET range_reset = 'waiting'")
    await sweep(api.sessions, "test")
    await agent.finish("RESET")
    await agent.finish("PURGE")
    assert await states(api) == ["free", "free"]
    assert await api.value("SELECT range_reset FROM placements") is None


async def test_by_hand_where_nobody_has_ever_been(api: Api) -> None:
    await api.change("UPDATE placements SET range_reset = 'waiting'")
    await sweep(api.sessions, "test")
    assert await api.value("SELECT range_reset FROM placements") is None


async def test_a_seat_outside_the_present_range_is_reset_alone(api: Api, agent: AgentDouble) -> None:
    first, _ = await two_running(api, agent)
    await api.change("UPDATE placements SET first_seat = 2")
    await end_and_clean(api, agent, [first])
    await agent.finish("RESET")
    await agent.finish("PURGE")
    assert await states(api) == ["free", "assigned"]
    assert await api.value("SELECT range_reset FROM placements") is None

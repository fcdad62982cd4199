"""Who never logs in is reminded; then the seat goes back."""

from datetime import timedelta

from api_support import AgentDouble, Api

from wod_api_db.registrations import lifecycle, repository
from wod_api_db.sweep import sweep


async def clock_runs(api: Api, agent: AgentDouble) -> None:
    await api.register()
    await agent.finish("CREATE", password="x")
    registration_id = await api.value("SELECT id FROM registrations")
    async with api.sessions.begin() as session:
        registration = await repository.lock(session, registration_id)
        assert registration is not None
        await lifecycle.start_clock(session, registration)


async def time_passes(api: Api) -> None:
    await api.change("UPDATE registrations SET no_show_at = now()")
    await sweep(api.sessions, "test")


async def test_reminded_at_the_limit_and_ended_half_of_it_later(api: Api, agent: AgentDouble) -> None:
    await api.change("UPDATE workshops SET no_show = interval '30 minutes'")
    await clock_runs(api, agent)
    assert await api.value("SELECT no_show_at - clock_started_at FROM registrations") == timedelta(minutes=30)
    await time_passes(api)
    assert await api.value("SELECT state FROM registrations") == "running"
    assert await api.value("SELECT no_show_at - no_show_reminded_at FROM registrations") == timedelta(minutes=15)
    assert await api.value("SELECT count(*) FROM mails WHERE template = 'reminder'") == 1
    await time_passes(api)
    assert await api.rows("SELECT state, end_reason FROM registrations") == [("ended", "no-show")]
    assert (await api.outstanding())[1] == "CLEANUP"


async def test_without_a_limit_a_seat_is_kept_until_its_end(api: Api, agent: AgentDouble) -> None:
    await clock_runs(api, agent)
    assert await api.value("SELECT no_show_at FROM registrations") is None


async def test_who_has_logged_in_already_is_not_watched(api: Api, agent: AgentDouble) -> None:
    await api.change("UPDATE workshops SET no_show = interval '30 minutes'")
    await api.register()
    await api.change("UPDATE registrations SET first_login_at = now()")
    await agent.finish("CREATE", password="x")
    registration_id = await api.value("SELECT id FROM registrations")
    async with api.sessions.begin() as session:
        registration = await repository.lock(session, registration_id)
        assert registration is not None
        await lifecycle.start_clock(session, registration)
    assert await api.value("SELECT no_show_at FROM registrations") is None


async def test_a_limit_that_was_dropped_ends_nobody(api: Api, agent: AgentDouble) -> None:
    await api.change("UPDATE workshops SET no_show = interval '30 minutes'")
    await clock_runs(api, agent)
    await api.change("UPDATE workshops SET no_show = NULL")
    await time_passes(api)
    assert await api.rows("SELECT state, no_show_at FROM registrations") == [("running", None)]

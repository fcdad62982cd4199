"""Who finishes gets badges: once each, and the special ones by the number of distinct workshops."""

import asyncio

import pytest
from api_support import AgentDouble, Api

from wod_api_db.badges.service import award
from wod_api_db.registrations import repository

SPECIAL_MAILS = "SELECT dedup_key, data->>'special_badge_id', recipient FROM mails WHERE template = 'special-badge'"


async def finish(
    api: Api, number: int, email: str = "ada@example.org", *, state: str = "ended", reason: str = "time"
) -> int:
    """A session of the ``number``-th workshop that is over; answers the registration's id."""
    await api.change(
        "INSERT INTO workshops (notebook, name, description, active, priority, reset, ldap, varpass, compile, "
        "replay_link, workshop_img, badge_img, beta, category, duration, presenter, role, avatar, monoappliance, "
        "multiappliance, session_type, alternate_location, content_version) "
        "SELECT 'WKSHP-N' || :number, 'Number ' || :number, '', true, 1, false, false, false, '[]', '', '', '', false, "
        "'[]', '2 hours', '', '', '', false, false, 'Workshops-on-Demand', '[]', '' ON CONFLICT DO NOTHING",
        number=str(number),
    )
    await api.change(
        "INSERT INTO registrations (state, end_reason, workshop_id, placement_id, location_id, generation, name, email, "
        "email_key, company, terms_version, link_nonce, duration, range_first, content_version, ended_at) "
        "SELECT :state, :reason, id, (SELECT min(id) FROM placements), 1, 1, 'Ada', :email, :email, '', '1', 'n', "
        "'2 hours', 1, '', now() FROM workshops WHERE notebook = 'WKSHP-N' || :number",
        number=str(number),
        email=email,
        state=state,
        reason=reason,
    )
    identity: int = await api.value("SELECT max(id) FROM registrations")
    return identity


async def awarded(api: Api, registration_id: int) -> None:
    async with api.sessions.begin() as session:
        registration = await repository.lock(session, registration_id)
        assert registration is not None
        await award(session, registration)


async def specials(api: Api, email: str = "ada@example.org") -> list[int]:
    query = "SELECT threshold FROM badges JOIN special_badges s ON s.id = special_badge_id WHERE email_key = :email"
    return sorted(row[0] for row in await api.rows(query, email=email))


async def test_a_finished_session_earns_the_workshops_badge(api: Api) -> None:
    registration = await finish(api, 1)
    await awarded(api, registration)
    [(email, workshop, special, earned_by)] = await api.rows(
        "SELECT email_key, notebook, special_badge_id, registration_id "
        "FROM badges JOIN workshops ON workshops.id = workshop_id"
    )
    assert (email, workshop, special, earned_by) == ("ada@example.org", "WKSHP-N1", None, registration)


async def test_the_badge_comes_when_the_lab_is_taken_back(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    await agent.finish("CREATE", password="secret")
    assert (await api.http.post(f"/api/v1/registrations/{token}/end")).status_code == 200
    assert await api.value("SELECT count(*) FROM badges") == 0
    await agent.finish("CLEANUP", completion=75)
    await agent.finish("PURGE")
    assert await api.rows("SELECT email_key, registration_id FROM badges") == [("ada@example.org", 1)]


async def test_awarding_again_changes_nothing(api: Api) -> None:
    for number in (1, 2, 3):
        registration = await finish(api, number)
        await awarded(api, registration)
    before = await api.rows("SELECT * FROM badges ORDER BY id")
    mails = await api.rows(SPECIAL_MAILS)
    await awarded(api, registration)
    assert await api.rows("SELECT * FROM badges ORDER BY id") == before
    assert await api.rows(SPECIAL_MAILS) == mails


async def test_the_same_workshop_twice_is_one_badge(api: Api) -> None:
    for _ in range(4):
        await awarded(api, await finish(api, 1))
    assert await api.value("SELECT count(*) FROM badges") == 1


async def test_special_badges_come_with_the_thresholds(api: Api) -> None:
    earned = []
    for number in range(1, 17):
        await awarded(api, await finish(api, number))
        earned.append(len(await specials(api)))
    assert earned == [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5]
    assert await specials(api) == [3, 5, 7, 10, 15]


async def test_a_special_badge_is_told_by_mail(api: Api) -> None:
    for number in (1, 2, 3):
        registration = await finish(api, number)
        await awarded(api, registration)
    assert await api.rows(SPECIAL_MAILS) == [(f"{registration}:special-badge:1", "1", "ada@example.org")]


async def test_each_address_counts_for_itself(api: Api) -> None:
    for number, email in enumerate(["ada@example.org", "ada@example.org", "bob@example.org"]):
        await awarded(api, await finish(api, number, email))
    assert await api.value("SELECT count(*) FROM badges WHERE special_badge_id IS NOT NULL") == 0


@pytest.mark.parametrize(
    ("state", "reason"), [("ended", "no-show"), ("failed", "time"), ("cancelled", "person"), ("running", "time")]
)
async def test_who_did_not_finish_earns_nothing(api: Api, state: str, reason: str) -> None:
    await awarded(api, await finish(api, 1, state=state, reason=reason))
    assert await api.value("SELECT count(*) FROM badges") == 0


@pytest.mark.parametrize("reason", ["time", "person", "operator"])
async def test_however_it_ended_it_is_finished(api: Api, reason: str) -> None:
    await awarded(api, await finish(api, 1, reason=reason))
    assert await api.value("SELECT count(*) FROM badges") == 1


async def test_two_sessions_that_end_together_miss_no_special_badge(api: Api) -> None:
    await awarded(api, await finish(api, 1))
    second, third = await finish(api, 2), await finish(api, 3)
    await asyncio.gather(awarded(api, second), awarded(api, third))
    assert await specials(api) == [3]


async def test_without_the_lock_the_same_two_miss_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that the test above can fail."""
    from wod_api_db.badges import repository as badges  # noqa: PLC0415 - what is changed

    both = asyncio.Barrier(2)
    count = badges.finished

    async def unlocked(session: object, email_key: str) -> None:
        """Takes no lock."""

    async def both_have_counted(session: object, email_key: str) -> int:
        seen = await count(session, email_key)  # type: ignore[arg-type]
        await both.wait()
        return seen

    await awarded(api, await finish(api, 1))
    second, third = await finish(api, 2), await finish(api, 3)
    monkeypatch.setattr(badges, "lock_address", unlocked)
    monkeypatch.setattr(badges, "finished", both_have_counted)
    await asyncio.gather(awarded(api, second), awarded(api, third))
    assert await specials(api) == []

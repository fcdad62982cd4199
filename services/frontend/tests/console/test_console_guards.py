"""Proof that the tests of the console's guards can fail: each attack succeeds where its guard is taken out."""

from collections.abc import AsyncIterator

import httpx
import pytest
from api_support import ADMIN, AgentDouble, Api
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import serve
from services.frontend.tests.console.console_kit import Visit, running
from services.frontend.tests.console.test_console_abuse import COOKIE, POSTS

from wod_api_db.limits import RateLimits
from wod_frontend.app import create_app
from wod_frontend.console import signing_in
from wod_frontend.console.access import Operator
from wod_frontend.csrf import FormGuard
from wod_frontend.settings import Settings

REFUSED = "The form was sent from another site."
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}


@pytest.fixture
async def bare(backend: tuple[Api, str]) -> AsyncIterator[Visit]:
    """A console of its own, made behind the test's back: ask for it after the guard is out."""
    settings = Settings(api_url=AnyHttpUrl(backend[1]), secret=SecretStr("only-for-the-tests-of-the-console"))
    async with serve(create_app(settings)) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield Visit(client)


@pytest.fixture
def no_form_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FormGuard, "check", lambda *_: None)


@pytest.mark.usefixtures("no_form_guard")
async def test_without_the_forms_guard_another_site_ends_a_session(
    bare: Visit, sessions: dict[str, httpx.Cookies], api: Api, agent: AgentDouble
) -> None:
    number = await running(api, agent, "forged@example.org")
    bare.http.cookies = sessions["mo"]
    forged = {"id": str(number), "reason": "a click on a picture"}
    answer = await bare.http.post("/console/acts/end", data=forged, headers=FROM_ELSEWHERE)
    assert answer.status_code == 303
    assert await api.value("SELECT state FROM registrations WHERE id = :i", i=number) == "ended"


@pytest.mark.usefixtures("no_form_guard")
async def test_without_it_no_form_of_the_console_is_refused(bare: Visit, api: Api) -> None:
    """By a moderator of its own, whose role keeps most of them from doing anything."""
    await bare.sign_in("mia", "moderator-secret")
    # those that sign out come last
    for path in sorted(POSTS, key=lambda path: "sign-out" in path):
        answer = await bare.http.post(path, data={"id": "0"}, headers=FROM_ELSEWHERE)
        assert REFUSED not in answer.text, path
        assert answer.headers.get("location", "").startswith("/console/sign-in") == ("sign-out" in path), path


async def test_without_new_tokens_a_form_from_before_the_sign_in_is_good_behind_it(
    bare: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FormGuard, "renew", lambda *_: None)
    planted = await bare.form_token("/console/sign-in")
    await bare.sign_in(**ADMIN)
    answer = await bare.http.post("/console/sign-out", data={"form_token": planted})
    assert answer.status_code == 303
    assert COOKIE not in bare.http.cookies


async def test_without_its_check_the_way_back_leads_to_another_site(
    bare: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "way_back", lambda wanted: wanted)
    answer = await bare.sign_in(**ADMIN, next="https://evil.example")
    assert answer.headers["location"] == "https://evil.example"


async def test_without_the_limit_a_password_is_guessed_for_ever(bare: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimits, "check_guesses", lambda *_: None)
    statuses = {(await bare.sign_in("somebody", f"wrong-password-{number}")).status_code for number in range(8)}
    assert statuses == {401}


async def test_without_the_roles_a_moderator_reads_the_form_for_accounts(
    bare: Visit, sessions: dict[str, httpx.Cookies], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal's own check spares the way to the api-db, which has the last word."""
    bare.http.cookies = sessions["mo"]
    assert (await bare.http.get("/console/acts/new-account")).status_code == 403
    monkeypatch.setattr(Operator, "may", lambda *_: True)
    assert (await bare.http.get("/console/acts/new-account")).status_code == 200
    assert (await bare.http.get("/console/accounts")).status_code == 403

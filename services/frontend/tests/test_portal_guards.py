"""Proof that the tests of the guards can fail: each attack succeeds where its guard is taken out."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import serve
from services.frontend.tests.portal_double import TOKEN, AlreadyRegistered, ApiDouble, workshop

from wod_frontend import acting, security
from wod_frontend.app import create_app
from wod_frontend.csrf import FormGuard
from wod_frontend.settings import Settings

PAGE = f"/sessions/{TOKEN}"
ATTACK = "<script>alert(1)</script>"


@pytest.fixture
async def bare(api_url: str, api: ApiDouble) -> AsyncIterator[httpx.AsyncClient]:
    """A portal of its own, made behind the test's back: ask for it after the guard is out."""
    settings = Settings(api_url=AnyHttpUrl(api_url), secret=SecretStr("only-for-the-tests-of-the-portal"))
    async with serve(create_app(settings)) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture
def no_form_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FormGuard, "check", lambda *_: None)


@pytest.fixture
def no_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "HEADERS", {})


@pytest.mark.usefixtures("no_form_guard")
async def test_without_the_forms_guard_another_site_ends_a_session(bare: httpx.AsyncClient, api: ApiDouble) -> None:
    await bare.post(f"{PAGE}/end", data={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert api.ended == 1


@pytest.mark.usefixtures("no_headers")
async def test_without_the_headers_a_page_may_be_framed_and_tells_its_address(bare: httpx.AsyncClient) -> None:
    headers = (await bare.get(PAGE)).headers
    assert not {"content-security-policy", "x-frame-options", "referrer-policy"} & set(headers)


@pytest.mark.usefixtures("no_escaping")
async def test_without_escaping_a_workshops_name_is_a_script(bare: httpx.AsyncClient, api: ApiDouble) -> None:
    api.workshops = [workshop(name=ATTACK)]
    assert ATTACK in (await bare.get("/workshops")).text


async def test_without_its_pattern_a_form_chooses_where_it_leads(
    bare: httpx.AsyncClient, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "is_workshop", lambda _: True)
    monkeypatch.setattr(FormGuard, "check", lambda *_: None)
    led = await bare.post(f"{PAGE}/end", data={"then": "../../elsewhere"})
    assert led.headers["location"] == "/workshops/../../elsewhere"


async def test_an_address_that_holds_a_session_gets_no_other_word(
    bare: httpx.AsyncClient, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FormGuard, "check", lambda *_: None)
    typed = {"name": "M", "email": "grace@example.org", "terms": "yes"}
    statuses = {}
    for known in (False, True):
        api.refusal = AlreadyRegistered("it is in API101") if known else None
        answer = await bare.post("/workshops/WKSHP-API101", data=typed)
        statuses[known] = answer.status_code
    # who registers anew is led to the new session; that somebody holds one is told to the mailbox alone
    assert statuses == {False: 303, True: 202}


async def test_cookies_of_an_https_portal_are_secure(api_url: str, api: ApiDouble) -> None:
    settings = Settings(
        api_url=AnyHttpUrl(api_url),
        secret=SecretStr("only-for-the-tests-of-the-portal"),
        public_url=AnyHttpUrl("https://workshops.example.org"),
    )
    async with serve(create_app(settings)) as url, httpx.AsyncClient(base_url=url) as client:
        for path in ("/workshops/WKSHP-API101", "/?language=fr"):
            cookies = (await client.get(path)).headers.get_list("set-cookie")
            assert cookies
            assert all({"secure", "httponly", "samesite=lax"} <= set(c.lower().split("; ")) for c in cookies)

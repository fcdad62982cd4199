"""Signing in at an organisation's own service: the whole round over real HTTP, and what is tried on the way back."""

import shutil
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from api_support import Api, settings_for
from playwright.async_api import async_playwright, expect
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import serve
from services.frontend.tests.console.console_kit import Visit
from sign_in_service import CLIENT_ID, CLIENT_SECRET, SignInService, service_app

from wod_api_db.app import create_app as create_api
from wod_api_db.settings import Settings as ApiSettings
from wod_frontend.app import create_app as create_portal
from wod_frontend.settings import OidcSettings, Settings

COOKIE = "wod_console"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GRACE = {"sub": "42", "preferred_username": "grace", "email": "grace@corp.test", "groups": ["staff"]}


@pytest.fixture(scope="session")
async def service() -> AsyncIterator[SignInService]:
    service = SignInService()
    async with serve(service_app(service)) as address:
        service.address = address
        yield service


@pytest.fixture(scope="session")
async def corporate_url(service: SignInService, api_settings: ApiSettings, api: Api) -> AsyncIterator[str]:
    """A portal and an api-db of the same rows that know the service. The portal's address is known before it is served."""
    told = settings_for(
        api_settings.plain_database_url,
        api_settings.command_key,
        oidc_issuer=service.address,
        oidc_client_id=CLIENT_ID,
        oidc_roles={"staff": "moderator", "teachers": "instructor"},
    )
    oidc = OidcSettings(
        issuer=AnyHttpUrl(service.address),
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        name="Corp <ID>",
    )
    async with serve(create_api(told)) as api_address:
        settings = Settings(
            api_url=AnyHttpUrl(api_address),
            secret=SecretStr("only-for-the-tests-of-the-console"),
            public_url=AnyHttpUrl("http://portal.test"),
            oidc=oidc,
        )
        async with serve(create_portal(settings)) as address:
            yield address


@pytest.fixture
async def visit(corporate_url: str, service: SignInService) -> AsyncIterator[Visit]:
    service.person, service.lie = dict(GRACE), {}
    async with httpx.AsyncClient(base_url=corporate_url) as client:
        yield Visit(client)


async def way_back(visit: Visit, wanted: str = "/console/registrations") -> str:
    """Leaves for the service and returns with what it has the browser say to the portal."""
    left = await visit.http.get("/console/oidc/start", params={"next": wanted})
    assert left.status_code == 303
    async with httpx.AsyncClient() as browser:
        agreed = await browser.get(left.headers["location"])
    goal = urlsplit(agreed.headers["location"])
    assert (goal.netloc, goal.path) == ("portal.test", "/console/oidc/back")
    return f"{goal.path}?{goal.query}"


async def test_the_whole_round_ends_at_the_page_that_was_wanted(visit: Visit, api: Api) -> None:
    assert "Sign in with Corp &lt;ID&gt;" in await visit.see("/console/sign-in")
    answer = await visit.http.get(await way_back(visit))
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/console/registrations"
    page = await visit.see("/console/registrations")
    assert "grace" in page
    assert await api.value("SELECT role FROM accounts WHERE username = 'grace'") == "moderator"
    await visit.see("/console/accounts", 403)


async def test_what_was_asked_cannot_be_told_by_who_sees_the_address(visit: Visit, service: SignInService) -> None:
    await way_back(visit)
    assert service.asked["code_challenge_method"] == "S256"
    assert len(service.asked["nonce"]) > 20
    kept = visit.http.cookies["wod_console_oidc"]
    assert service.asked["nonce"] not in kept


async def test_nobody_is_signed_in_with_an_answer_to_another_browser(visit: Visit, corporate_url: str) -> None:
    stolen = await way_back(visit)
    async with httpx.AsyncClient(base_url=corporate_url) as victim:
        assert (await victim.get(stolen)).status_code == 400
        await victim.get("/console/oidc/start")
        assert (await victim.get(stolen)).status_code == 400
        assert COOKIE not in victim.cookies


@pytest.mark.parametrize("change", [{"code": "made-up"}, {"code": ""}, {"state": "another"}])
async def test_a_wrong_answer_leads_back_to_the_sign_in(visit: Visit, change: dict[str, str]) -> None:
    given = {name: values[0] for name, values in parse_qs(urlsplit(await way_back(visit)).query).items()}
    answer = await visit.http.get("/console/oidc/back", params=given | change)
    assert answer.status_code in {400, 502}
    assert "did not come to its end" in answer.text
    assert COOKIE not in visit.http.cookies


async def test_a_lie_of_the_portals_way_is_found_by_the_api(visit: Visit, service: SignInService) -> None:
    for lie, status in (({"aud": "another"}, 401), ({"nonce": "another-sign-in"}, 401), ({"groups": ["no"]}, 403)):
        service.lie = lie
        answer = await visit.http.get(await way_back(visit))
        assert answer.status_code == status, lie
        assert COOKIE not in visit.http.cookies


async def test_nobody_is_led_elsewhere_by_the_way_back(visit: Visit) -> None:
    answer = await visit.http.get(await way_back(visit, "https://evil.example/"))
    assert answer.headers["location"] == "/console"


@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: nobody was seen signing in elsewhere")
async def test_a_person_comes_back_from_the_service_in_a_browser(
    corporate_url: str, service: SignInService, api: Api
) -> None:
    service.person, service.lie = dict(GRACE) | {"sub": "43", "preferred_username": "hedy"}, {}
    # the portal's public name leads to where it is served
    there = f"--host-resolver-rules=MAP portal.test {urlsplit(corporate_url).netloc}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", there])
        page = await browser.new_page(locale="en")
        await page.goto("http://portal.test/console/registrations?state=failed")
        await page.get_by_role("link", name="Sign in with Corp <ID>").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Registrations")
        assert page.url == "http://portal.test/console/registrations?state=failed"
        await expect(page.get_by_role("link", name="hedy")).to_be_visible()
        assert await page.evaluate("document.cookie") == ""
        assert await api.value("SELECT role FROM accounts WHERE username = 'hedy'") == "moderator"
        await page.get_by_role("button", name="Sign out").click()
        await page.goto("http://portal.test/console")
        await expect(page.get_by_label("User name")).to_be_visible()
        await browser.close()

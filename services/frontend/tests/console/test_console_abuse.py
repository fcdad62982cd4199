"""What a stranger, another site, and an operator of the wrong role try at the console."""

import re
from collections.abc import Iterator

import httpx
import pytest
from api_support import ADMIN, Api
from fastapi.routing import APIRoute
from pydantic import SecretStr
from services.frontend.tests.console.console_kit import Visit
from starlette.routing import BaseRoute

from wod_frontend.app import create_app
from wod_frontend.console.offered_acts import ACTS
from wod_frontend.settings import Settings

FILLED = {
    "name": "registrations",
    "number": "1",
    "identity": "0b9c1f0e-8a3f-4a0e-9d0c-4f6d1a2b3c4d",
    "notebook": "WKSHP-API101",
}
COOKIE = "wod_console"


def _routes(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute) and route.path.startswith("/console"):
            yield route
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            yield from _routes(inner)


def console_paths(method: str) -> list[str]:
    """Every address of the console that takes the method, as the application itself names them."""
    app = create_app(Settings(secret=SecretStr("only-for-the-tests-of-the-console")))
    found = {
        re.sub(r"\{(\w+)(:\w+)?\}", lambda part: FILLED.get(part[1], "1"), route.path)
        for route in _routes(list(app.routes))
        if method in (route.methods or ()) and not route.path.startswith("/console/acts")
    }
    return sorted(found) + [f"/console/acts/{name}" for name in ACTS]


GETS, POSTS = console_paths("GET"), console_paths("POST")
OPEN = {"/console/sign-in", "/console/oidc/start", "/console/oidc/back", "/console/sign-out"}


def test_there_is_something_to_try() -> None:
    assert len(GETS) > 10
    assert len(POSTS) > 25


@pytest.mark.parametrize("path", [path for path in GETS if path not in OPEN])
async def test_whoever_is_not_signed_in_is_led_to_the_sign_in(stranger: Visit, path: str) -> None:
    answer = await stranger.http.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/sign-in?next=%2Fconsole")


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_that_is_not_ours_is_refused_everywhere(admin: Visit, api: Api, path: str) -> None:
    before = await api.value("SELECT count(*) FROM audit")
    fields = {"id": "1", "text": "x", "reason": "x", "minutes": "5", "username": "x", "password": "x" * 12}
    token = await admin.form_token("/console/me")
    tries: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
        ({}, {}),
        ({"form_token": "forged"}, {}),
        ({"form_token": token}, {"sec-fetch-site": "cross-site"}),
        ({"form_token": token}, {"sec-fetch-site": "same-site"}),
    )
    for more, headers in tries:
        answer = await admin.http.post(path, data=fields | more, headers=headers)
        assert answer.status_code == 403, (path, more, headers)
    assert await api.value("SELECT count(*) FROM audit") == before


@pytest.mark.parametrize("path", [path for path in POSTS if path not in OPEN])
async def test_a_form_without_a_session_does_nothing(stranger: Visit, api: Api, path: str) -> None:
    token = await stranger.form_token("/console/sign-in")
    before = await api.value("SELECT count(*) FROM audit")
    answer = await stranger.http.post(path, data={"form_token": token, "id": "1"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/sign-in")
    assert await api.value("SELECT count(*) FROM audit") == before


async def test_the_session_is_a_cookie_that_no_script_and_no_other_site_gets_and_nobody_reads(
    stranger: Visit, console_url: str
) -> None:
    answer = await stranger.sign_in(**ADMIN)
    kept = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(COOKIE)).lower()
    assert "httponly" in kept
    assert "samesite=lax" in kept
    sealed = stranger.http.cookies[COOKIE]
    assert "eyJ" not in sealed
    assert "operator" not in sealed


def test_behind_https_the_cookies_are_secure_and_this_hosts_alone() -> None:
    app = create_app(Settings(secret=SecretStr("only-for-the-tests-of-the-console"), public_url="https://portal.test"))
    assert app.state.console_seats.cookie == "__Host-wod_console"
    assert app.state.pages.guard.secure


async def test_the_sign_in_gives_a_new_session_and_new_forms(stranger: Visit) -> None:
    planted = "A" * 43
    host = stranger.http.base_url.host
    stranger.http.cookies.set("wod_form", planted, domain=host, path="/")
    stranger.http.cookies.set(COOKIE, "planted", domain=host, path="/")
    stale = await stranger.form_token("/console/sign-in")
    await stranger.sign_in(**ADMIN)
    assert stranger.http.cookies[COOKIE] != "planted"
    assert stranger.http.cookies["wod_form"] != planted
    refused = await stranger.http.post("/console/sign-out", data={"form_token": stale})
    assert refused.status_code == 403


@pytest.mark.parametrize("hostile", ["garbage", "gAAAAA", "é", "x" * 5000])
async def test_a_made_up_session_is_none(stranger: Visit, hostile: str) -> None:
    answer = await stranger.http.get("/console", headers={b"Cookie": f"{COOKIE}={hostile}".encode()})
    assert answer.status_code == 303


async def test_signing_out_ends_it_here_and_everywhere_where_asked(
    stranger: Visit, console_url: str, admin: Visit, api: Api
) -> None:
    await stranger.sign_in("mia", "moderator-secret")
    stolen = stranger.http.cookies[COOKIE]
    await stranger.send("/console/sign-out", "/console/me")
    assert (await stranger.http.get("/console")).status_code == 303
    async with httpx.AsyncClient(base_url=console_url, timeout=30, cookies={COOKIE: stolen}) as thief:
        assert (await thief.get("/console")).status_code == 200
        await stranger.sign_in("mia", "moderator-secret")
        answer = await stranger.send("/console/me/sign-out-everywhere", "/console/me")
        assert answer.headers["location"] == "/console/sign-in?ended=1"
        assert (await thief.get("/console")).headers["location"].endswith("ended=1")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/console/../../evil",
        "/consolevil",
        "/console//evil.example",
        "/console\\evil",
        "javascript:alert(1)",
        "/console/\r\nSet-Cookie: a=b",
        "",
    ],
)
async def test_nobody_is_led_to_another_site(stranger: Visit, wanted: str) -> None:
    answer = await stranger.sign_in(**ADMIN, next=wanted)
    goal = answer.headers["location"]
    assert httpx.URL(goal).is_relative_url
    assert goal == "/console" or goal.startswith("/console/.."), goal
    assert "evil.example" not in goal


async def test_a_good_way_back_is_kept(stranger: Visit) -> None:
    asked = await stranger.http.get("/console/registrations?state=failed")
    assert asked.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fregistrations%3Fstate%3Dfailed"
    answer = await stranger.sign_in(**ADMIN, next="/console/registrations?state=failed")
    assert answer.headers["location"] == "/console/registrations?state=failed"


async def test_a_role_reaches_no_further_than_it_does(moderator: Visit, stranger: Visit, api: Api) -> None:
    for path in ("/console/accounts", "/console/accounts.csv", "/console/accounts/1", "/console/acts/new-account"):
        assert (await moderator.http.get(path)).status_code == 403
    assert "/console/accounts" not in await moderator.see("/console")
    before = await api.value("SELECT count(*) FROM accounts")
    token = await moderator.form_token("/console/me")
    fields = {"username": "sneaky", "email": "s@example.org", "role": "admin", "password": "long enough for all"}
    answer = await moderator.http.post("/console/acts/new-account", data=fields | {"form_token": token})
    assert answer.status_code == 403
    assert await api.value("SELECT count(*) FROM accounts") == before
    refused = await stranger.sign_in("nobody", "user-of-nothing")
    assert refused.status_code == 403
    assert COOKIE not in stranger.http.cookies


async def test_wrong_passwords_and_unknown_names_are_told_alike_and_soon_not_at_all(stranger: Visit) -> None:
    unknown = await stranger.sign_in("who-is-that", "wrong-password-1")
    wrong = await stranger.sign_in("operator", "wrong-password-1")
    assert unknown.status_code == wrong.status_code == 401
    message = re.compile(r'role="alert">.*?</div>', re.DOTALL)
    assert message.search(unknown.text)[0] == message.search(wrong.text)[0]  # type: ignore[index]  # both have one
    assert "wrong-password-1" not in unknown.text
    for _ in range(6):
        last = await stranger.sign_in("guessed", "wrong-password-1")
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) > 0


async def test_pages_of_the_console_are_kept_by_nobody_and_hold_no_inline_script(admin: Visit) -> None:
    for path in ("/console", "/console/registrations", "/console/me", "/console/acts/announce"):
        answer = await admin.http.get(path)
        assert answer.headers["cache-control"] == "no-store"
        for inline in ("style=", "<style", "<script>", " onclick"):
            assert inline not in answer.text, (path, inline)

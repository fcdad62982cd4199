"""Whom the organisation's sign-in service answers for: what it has signed is checked, its groups give the role."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from api_support import Api
from sign_in_service import CLIENT_ID, FOREIGN_KEY, KEY, SignInService, service_app

from wod_api_db.accounts.issuer import Issuer
from wod_api_db.accounts.tokens import Role
from wod_api_db.app import create_app
from wod_api_db.settings import Settings

ADDRESS = "http://sign-in.test"
NONCE = "a-nonce-of-this-sign-in"
GRACE: dict[str, Any] = {
    "sub": "42",
    "preferred_username": "grace",
    "email": "grace@corp.test",
    "groups": ["staff", "nothing"],
}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> SignInService:
    """Reached by the api-db as if it were elsewhere."""
    service = SignInService()
    service.address, service.person = ADDRESS, dict(GRACE)
    transport = httpx.ASGITransport(service_app(service))
    monkeypatch.setattr("wod_api_db.accounts.issuer.outwards", lambda: httpx.AsyncClient(transport=transport))
    return service


@pytest.fixture
async def elsewhere(settings: Settings, service: SignInService) -> AsyncIterator[Api]:
    roles = {"staff": "moderator", "chiefs": "admin"}
    told = settings.model_copy(update={"oidc_issuer": ADDRESS, "oidc_client_id": CLIENT_ID, "oidc_roles": roles})
    app = create_app(told)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test")
    async with app.router.lifespan_context(app), client:
        yield Api(app, client)


async def sign_in(api: Api, word: str, nonce: str = NONCE) -> httpx.Response:
    return await api.http.post("/api/v1/login/oidc", json={"id_token": word, "nonce": nonce})


async def test_the_first_sign_in_makes_the_account_and_each_sets_its_role(
    elsewhere: Api, service: SignInService
) -> None:
    first = await sign_in(elsewhere, service.word(NONCE))
    assert first.status_code == 200, first.text
    assert (first.json()["username"], first.json()["role"]) == ("grace", "moderator")
    headers = {"Authorization": f"Bearer {first.json()['access_token']}"}
    assert (await elsewhere.http.get("/api/v1/audit", headers=headers)).status_code == 200
    again = await sign_in(elsewhere, service.word(NONCE, groups=["chiefs", "staff"]))
    assert again.json()["role"] == "admin"
    # the role has changed: what was granted before counts no more
    assert (await elsewhere.http.get("/api/v1/audit", headers=headers)).status_code == 401
    rows = await elsewhere.rows("SELECT username, subject, password_hash FROM accounts WHERE subject IS NOT NULL")
    assert rows == [("grace", f"{ADDRESS}#42", None)]
    acts = await elsewhere.rows("SELECT username, action FROM audit ORDER BY id")
    assert acts == [("grace", "account.create"), ("grace", "account.change")]


async def test_a_name_that_is_taken_here_is_not_taken_over(elsewhere: Api, service: SignInService) -> None:
    answer = await sign_in(elsewhere, service.word(NONCE, preferred_username="operator"))
    assert answer.json()["username"].startswith("operator-")
    assert await elsewhere.value("SELECT subject FROM accounts WHERE username = 'operator'") is None


async def test_such_an_account_has_no_password_that_could_be_guessed(elsewhere: Api, service: SignInService) -> None:
    await sign_in(elsewhere, service.word(NONCE))
    for password in ("", "None", "x"):
        answer = await elsewhere.http.post("/api/v1/login", json={"username": "grace", "password": password})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "http://another.test"},
        {"aud": "another-application"},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"exp": 1},
        {"nonce": "another-sign-in"},
        {"nonce": None},
        {"sub": None},
    ],
)
async def test_what_is_not_meant_for_this_sign_in_is_refused(
    elsewhere: Api, service: SignInService, lie: dict[str, Any]
) -> None:
    assert (await sign_in(elsewhere, service.word(NONCE, **lie))).status_code == 401
    assert await elsewhere.value("SELECT count(*) FROM accounts WHERE subject IS NOT NULL") == 0


async def test_a_signature_of_anybody_else_is_refused(elsewhere: Api, service: SignInService) -> None:
    service.key = FOREIGN_KEY
    assert (await sign_in(elsewhere, service.word(NONCE))).status_code == 401
    service.key = KEY
    unsigned = "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0.e30."
    for made_up in (unsigned, "x", "a.b.c", "é"):
        assert (await sign_in(elsewhere, made_up)).status_code in {401, 422}


async def test_who_is_in_no_group_of_ours_is_nobody_here(elsewhere: Api, service: SignInService) -> None:
    for groups in (["nothing"], [], None, "strangers", [["staff"]], 7):
        assert (await sign_in(elsewhere, service.word(NONCE, groups=groups))).status_code == 403


async def test_without_such_a_service_there_is_none(api: Api, service: SignInService) -> None:
    assert (await sign_in(api, service.word(NONCE))).status_code == 404


async def test_keys_are_not_asked_for_at_a_strangers_word(service: SignInService) -> None:
    issuer = Issuer(ADDRESS, CLIENT_ID, "groups", {"staff": Role.MODERATOR})
    await issuer.read(service.word(NONCE), NONCE)
    asked = issuer._asked_at
    for _ in range(3):
        with pytest.raises(Exception, match="does not name"):
            await issuer._key("made-up")
    assert issuer._asked_at == asked

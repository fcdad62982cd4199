"""Every form, and every text that somebody else writes: what is tried on one of them is tried on all.

Beside each test stands the proof that it can fail: with the guard taken out the attack succeeds, everywhere.
"""

import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import FilledForm, serve
from services.frontend.tests.portal_double import BADGE, START, TOKEN, ApiDouble, workshop
from starlette.routing import BaseRoute

from wod_api_db.badges.schemas import BadgeView
from wod_frontend.app import create_app
from wod_frontend.csrf import FormGuard
from wod_frontend.settings import Settings

SETTINGS = Settings(secret=SecretStr("only-for-the-tests-of-the-portal"))
ATTACK = "'\"><script>hit('{}')</script>"
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}
REFUSED = "The form was sent from another site."
FILLED = {"notebook": "WKSHP-API101", "token": TOKEN, "badge": str(BADGE.token), "name": "extend"}


def _routes(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            yield from _routes(inner)


#: mail programs send this one by themselves (RFC 8058): the link in the mail is all there is to show
ONE_CLICK = "/mail/unsubscribe/"


def forms() -> list[str]:
    """Every address of visitors that takes a form, as the application itself names them."""
    found = {
        re.sub(r"\{(\w+)(:\w+)?\}", lambda part: FILLED.get(part[1], "1"), route.path)
        for route in _routes(list(create_app(SETTINGS).routes))
        if "POST" in (route.methods or ()) and not route.path.startswith("/console")
    }
    return sorted(path for path in found if not path.startswith(ONE_CLICK))


FORMS = forms()


@pytest.fixture
async def bare(api_url: str, api: ApiDouble) -> AsyncIterator[httpx.AsyncClient]:
    """A portal of its own, made behind the test's back: ask for it after the guard is out."""
    settings = SETTINGS.model_copy(update={"api_url": AnyHttpUrl(api_url)})
    async with serve(create_app(settings)) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


def test_there_is_something_to_try() -> None:
    assert len(FORMS) >= 7, FORMS


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_of_another_site_is_refused_everywhere(form: FilledForm, api: ApiDouble, path: str) -> None:
    api.become(state="running", extension_seconds=60)
    token = await form.token("/workshops/WKSHP-API101")
    for given, headers in (({}, {}), ({"form_token": "x"}, {}), ({"form_token": token}, FROM_ELSEWHERE)):
        answer = await form.visitor.post(path, data={"rating": "5", "email": "m@x.org"} | given, headers=headers)
        assert answer.status_code == 403, (path, given, headers)
    assert (api.acts, api.ended, api.corrections, api.feedback, api.requests) == ([], 0, [], None, [])


async def test_without_the_forms_guard_none_is_refused(
    bare: httpx.AsyncClient, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FormGuard, "check", lambda *_: None)
    api.become(state="running", extension_seconds=60)
    typed = {"rating": "5", "email": "m@x.org", "name": "M", "terms": "yes"}
    for path in FORMS:
        answer = await bare.post(path, data=typed, headers=FROM_ELSEWHERE)
        assert answer.status_code != 403, path
        assert REFUSED not in answer.text, path
    assert api.ended == 1
    assert len(api.requests) == 1
    assert "erase" in api.acts


def poison(api: ApiDouble) -> set[str]:
    """An attack in every text; the fields that have one."""
    fields: set[str] = set()

    def attack(field: str) -> str:
        fields.add(field)
        return ATTACK.format(field)

    shop = {name: attack(f"workshop.{name}") for name in ("name", "description", "presenter", "role", "pre_requisite")}
    full = workshop("WKSHP-Full", room=0, paused=attack("pause.text"))
    api.workshops = [workshop(**shop, category=[attack("workshop.category")]), full]
    api.happen("registered", "registered")
    api.happen("accepted")
    api.happen("progress", step="deliver", percent=50, message=attack("event.message"))
    own = {name: attack(f"registration.{name}") for name in ("workshop_name", "name", "username", "location")}
    told = {name: attack(f"registration.{name}") for name in ("announcement", "mail_trouble")}
    api.become(**own, **told)
    api.feedback = {"rating": 4, "text": attack("feedback.text")}
    api.earned = [{"token": str(BADGE.token), "name": attack("earned.name"), "shown_name": ""}]
    badge = {name: attack(f"badge.{name}") for name in ("name", "description", "shown_name")}
    api.badge = BadgeView.model_validate(BADGE.model_dump() | badge)
    return fields


async def seen(client: httpx.AsyncClient, api: ApiDouble) -> str:
    """All pages that show a row, of a session in each of its states."""
    text = ""
    for path in ("/", "/workshops", "/workshops/WKSHP-API101", "/workshops/WKSHP-Full", f"/badges/{BADGE.token}"):
        text += (await client.get(path)).text
    text += (await client.get("/workshops/WKSHP-API101/finisher-badge")).text
    for state in ("deploying", "running", "ended"):
        api.become(state=state, ends_at=START)
        text += (await client.get(f"/sessions/{TOKEN}")).text
        text += (await client.get(f"/sessions/{TOKEN}/fragment")).text
    return text


async def test_what_others_write_is_read_on_every_page_and_run_on_none(
    visitor: httpx.AsyncClient, api: ApiDouble
) -> None:
    fields = poison(api)
    text = await seen(visitor, api)
    assert set(re.findall(r"<script>hit\('([\w.]+)'", text)) == set()
    assert fields - set(re.findall(r"&lt;script&gt;hit\(&#39;([\w.]+)", text)) == set()


@pytest.mark.usefixtures("no_escaping")
async def test_without_escaping_each_of_them_is_a_script(api_url: str, api: ApiDouble) -> None:
    fields = poison(api)
    settings = SETTINGS.model_copy(update={"api_url": AnyHttpUrl(api_url)})
    async with serve(create_app(settings)) as url, httpx.AsyncClient(base_url=url) as client:
        text = await seen(client, api)
    assert fields - set(re.findall(r"<script>hit\('([\w.]+)'", text)) == set()

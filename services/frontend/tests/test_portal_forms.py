"""Registering and ending: what is taken, what is refused, and how it is said."""

import httpx
import pytest
from services.frontend.tests.conftest import FilledForm
from services.frontend.tests.portal_double import TOKEN, AlreadyRegistered, ApiDouble, Full

from wod_api_db.registrations.errors import RegistrationPaused


async def test_registration_leads_to_the_personal_page(form: FilledForm, api: ApiDouble) -> None:
    answer = await form.send(company=" Analytical Engines ")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sessions/{TOKEN}"
    [asked] = api.requests
    assert (asked.workshop, asked.email, asked.company) == ("WKSHP-API101", "grace@example.org", "Analytical Engines")
    assert asked.terms_version


async def test_missing_entries_are_told_beside_their_fields(form: FilledForm, api: ApiDouble) -> None:
    answer = await form.send(name="  ", terms="", company="Kept & shown")
    assert answer.status_code == 422
    assert 'aria-describedby="name-error" aria-invalid="true"' in answer.text
    assert 'id="terms-error"' in answer.text
    assert 'value="Kept &amp; shown"' in answer.text
    assert 'value="grace@example.org"' in answer.text
    assert not api.requests


async def test_errors_of_the_api_are_told_beside_their_fields(form: FilledForm) -> None:
    answer = await form.send(email="grace")
    assert answer.status_code == 422
    assert 'id="email-error">There is no @ in it.' in answer.text
    assert 'value="grace"' in answer.text


async def test_error_of_no_field_is_told_above_the_form(form: FilledForm) -> None:
    answer = await form.send(name="x" * 121)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


async def test_full_keeps_what_was_typed(form: FilledForm, api: ApiDouble) -> None:
    api.refusal = Full("no room")
    answer = await form.send()
    assert answer.status_code == 409
    assert "The last seat went while you were typing" in answer.text
    assert 'value="grace@example.org"' in answer.text


async def test_registered_address_gets_a_neutral_page(form: FilledForm, api: ApiDouble) -> None:
    api.refusal = AlreadyRegistered("grace@example.org is in WKSHP-API101")
    answer = await form.send()
    assert answer.status_code == 202
    assert "Check your mail" in answer.text
    for telling in ("grace", "already", "API101"):
        assert telling not in answer.text.partition("<main")[2]


async def test_ending_needs_the_form_and_comes_back_to_the_page(form: FilledForm, api: ApiDouble) -> None:
    api.become(state="running")
    page = f"/sessions/{TOKEN}"
    answer = await form.send(f"{page}/end", form_token=await form.token(page))
    assert answer.status_code == 303
    assert answer.headers["location"] == page
    assert api.ended == 1


async def test_ending_while_the_api_is_away_leads_back_to_the_session(form: FilledForm, api: ApiDouble) -> None:
    api.become(state="running")
    token = await form.token(f"/sessions/{TOKEN}")
    api.away = True
    answer = await form.send(f"/sessions/{TOKEN}/end", form_token=token)
    assert answer.status_code == 503
    assert f'href="/sessions/{TOKEN}">Try again' in answer.text


@pytest.mark.parametrize("path", ["/workshops/WKSHP-API101", f"/sessions/{TOKEN}/end"])
@pytest.mark.parametrize("token", [{}, {"form_token": "forged"}])
async def test_post_without_a_token_is_refused(
    visitor: httpx.AsyncClient, api: ApiDouble, path: str, token: dict[str, str]
) -> None:
    await visitor.get("/workshops/WKSHP-API101")
    answer = await visitor.post(path, data={"name": "a", "email": "a@b.c", "terms": "yes"} | token)
    assert answer.status_code == 403
    assert not api.requests
    assert not api.ended


async def test_token_of_another_visitor_is_refused(form: FilledForm, portal_url: str, api: ApiDouble) -> None:
    stolen = await form.token("/workshops/WKSHP-API101")
    async with httpx.AsyncClient(base_url=portal_url) as other:
        answer = await FilledForm(other).send(form_token=stolen)
    assert answer.status_code == 403


async def test_post_from_another_site_is_refused(form: FilledForm, visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    visitor.headers["sec-fetch-site"] = "cross-site"
    assert (await form.send()).status_code == 403
    assert not api.requests


async def test_oversize_form_is_refused_unread(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.post("/workshops/WKSHP-API101", data={"name": "x" * 20_000})
    assert answer.status_code == 413


async def test_cookie_is_kept_from_scripts_and_other_sites(visitor: httpx.AsyncClient) -> None:
    cookie = (await visitor.get("/workshops/WKSHP-API101")).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_every_answer_carries_the_security_headers(visitor: httpx.AsyncClient) -> None:
    for path in ("/", "/nothing", f"/sessions/{TOKEN}", "/static/portal.css", "/healthz"):
        headers = (await visitor.get(path)).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


async def test_pages_hold_no_inline_script_or_style(visitor: httpx.AsyncClient) -> None:
    for path in ("/", "/workshops/WKSHP-API101", f"/sessions/{TOKEN}"):
        page = (await visitor.get(path)).text
        assert "style=" not in page
        assert "<style" not in page
        assert "<script>" not in page
        assert " onclick" not in page


async def test_more_time_is_one_click_and_a_refusal_says_why(form: FilledForm, api: ApiDouble) -> None:
    page = f"/sessions/{TOKEN}"
    api.become(state="running", extension_seconds=3600)
    token = await form.token(page)
    api.refusal = Full("every seat of this workshop is taken")
    refused = await form.send(f"{page}/extend", form_token=token)
    assert refused.status_code == 409
    assert "every seat of this workshop is taken" in refused.text
    api.refusal = None
    assert (await form.send(f"{page}/extend", form_token=token)).headers["location"] == f"{page}?done=extend"
    assert "more</button>" not in (await form.visitor.get(page)).text


async def test_the_browser_that_registered_corrects_the_address_once(form: FilledForm, api: ApiDouble) -> None:
    page = f"/sessions/{TOKEN}"
    assert "Correct the address" not in (await form.visitor.get(page)).text
    await form.send()
    assert "Correct the address" in (await form.visitor.get(page)).text
    token = await form.token(page)
    answer = await form.send(f"{page}/address", email=" grace@example.net ", form_token=token)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert api.corrections == ["grace@example.net"]
    assert "Correct the address" not in (await form.visitor.get(page)).text


async def test_another_browser_corrects_nothing(form: FilledForm, api: ApiDouble) -> None:
    page = f"/sessions/{TOKEN}"
    answer = await form.send(f"{page}/address", email="mallory@example.net", form_token=await form.token(page))
    assert answer.status_code == 409
    assert "only the browser that registered" in answer.text
    assert api.corrections == []


async def test_a_pause_is_told_in_the_operators_words(form: FilledForm, api: ApiDouble) -> None:
    api.refusal = RegistrationPaused("Back at two, after <b>lunch</b>.")
    answer = await form.send()
    assert answer.status_code == 409
    assert "Back at two, after &lt;b&gt;lunch&lt;/b&gt;." in answer.text


async def test_what_the_organisers_say_and_what_became_of_the_mail(form: FilledForm, api: ApiDouble) -> None:
    api.become(state="deploying", announcement="Coffee is <ready>", mail_trouble="Your mailbox refused our mail.")
    text = (await form.visitor.get(f"/sessions/{TOKEN}")).text
    assert "Coffee is &lt;ready&gt;" in text
    assert "Your mailbox refused our mail." in text


async def test_the_place_in_the_line_is_shown(form: FilledForm, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    api.become(state="deploying", waiting_before=3)
    assert "3 labs are prepared before yours" in (await form.visitor.get(f"/sessions/{TOKEN}")).text

"""What a person does on his session's page, and what keeps others from doing it."""

import httpx
import pytest
from services.frontend.tests.conftest import FilledForm
from services.frontend.tests.portal_double import START, TOKEN, ApiDouble

from wod_api_db.registrations.errors import CredentialsRefused

PAGE = f"/sessions/{TOKEN}"
BADGE = "0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11"


@pytest.mark.parametrize(("act", "said"), [("credentials", "once more"), ("help", "Noted."), ("take", "is yours")])
async def test_an_act_is_done_and_told(form: FilledForm, api: ApiDouble, act: str, said: str) -> None:
    api.become(state="running")
    answer = await form.send(f"{PAGE}/{act}", form_token=await form.token(PAGE), wanted="yes")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done={act}")
    assert api.acts == [act]
    assert said in (await form.visitor.get(answer.headers["location"])).text


async def test_a_refusal_is_told_on_the_page(form: FilledForm, api: ApiDouble) -> None:
    api.become(state="running")
    token = await form.token(PAGE)
    api.refusal = CredentialsRefused("that mail left less than 2 minutes ago")
    answer = await form.send(f"{PAGE}/credentials", form_token=token)
    assert answer.status_code == 409
    assert "that mail left less than 2 minutes ago" in answer.text
    french = await form.visitor.post(
        f"{PAGE}/credentials", data={"form_token": token}, headers={"Accept-Language": "fr"}
    )
    assert "that mail left" not in french.text
    assert "Attendez quelques minutes" in french.text


async def test_feedback_is_given_and_shown(form: FilledForm, api: ApiDouble) -> None:
    api.become(state="ended", cleaned=True)
    token = await form.token(PAGE)
    answer = await form.send(f"{PAGE}/feedback", form_token=token, rating="4", text="<b>Good</b>")
    assert answer.headers["location"] == f"{PAGE}?done=feedback"
    assert api.feedback == {"rating": 4, "text": "<b>Good</b>"}
    page = (await form.visitor.get(PAGE)).text
    assert 'value="4" required checked' in page
    assert "&lt;b&gt;Good&lt;/b&gt;" in page
    assert (await form.send(f"{PAGE}/feedback", form_token=token, rating="9")).status_code == 409


async def test_earned_badges_are_shown_with_the_choice_of_a_name(form: FilledForm, api: ApiDouble) -> None:
    api.become(state="ended")
    api.earned = [{"token": BADGE, "name": "API 101", "shown_name": ""}]
    page = (await form.visitor.get(PAGE)).text
    assert f'href="/badges/{BADGE}"' in page
    assert f'action="{PAGE}/badges/{BADGE}"' in page


async def test_another_workshop_is_taken_instead_and_nothing_else_chooses_where_one_is_led(
    form: FilledForm, api: ApiDouble
) -> None:
    api.become(state="running")
    assert "End this one and take the other" in (await form.visitor.get(f"{PAGE}?instead=WKSHP-Git")).text
    for hostile in ("//evil.example", "https://evil.example", "WKSHP-../x", "WKSHP-Git\n//evil", "../../x"):
        assert "take the other" not in (await form.visitor.get(PAGE, params={"instead": hostile})).text
        led = await form.send(f"{PAGE}/end", form_token=await form.token(PAGE), then=hostile)
        assert led.headers["location"] == PAGE
        api.become(state="running")
    led = await form.send(f"{PAGE}/end", form_token=await form.token(PAGE), then="WKSHP-Git")
    assert led.headers["location"] == "/workshops/WKSHP-Git"


async def test_erasing_says_that_nothing_is_left(form: FilledForm, api: ApiDouble) -> None:
    answer = await form.send(f"{PAGE}/erase", form_token=await form.token(PAGE))
    assert "Your data is erased" in answer.text
    assert api.acts == ["erase"]


async def test_the_calendar_entry_is_a_file(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get(f"{PAGE}/calendar.ics")
    assert answer.headers["content-disposition"] == 'attachment; filename="lab.ics"'
    assert answer.headers["cache-control"] == "no-store"


async def test_the_calendar_entry_is_offered_as_soon_as_the_end_is_known(
    visitor: httpx.AsyncClient, api: ApiDouble
) -> None:
    api.become(state="running", ends_at=None)
    assert "calendar.ics" not in (await visitor.get(PAGE)).text
    api.become(ends_at=START)
    assert "calendar.ics" in (await visitor.get(PAGE)).text


async def test_who_waits_sees_his_place_and_who_is_offered_a_seat_the_button(
    visitor: httpx.AsyncClient, api: ApiDouble
) -> None:
    api.stand_in_line("waiting")
    page = (await visitor.get(PAGE)).text
    assert '<p class="clock">3<span class="unit">of 7</span>' in page
    assert "Those before you waited about 45 minutes." in page
    assert "Leave the line" in page
    assert "Open the lab" not in page
    api.stand_in_line("waiting", place=300, length=301)
    assert '<p class="clock">300<span class="unit">of 300+</span>' in (await visitor.get(PAGE)).text
    api.stand_in_line("offered", place=None, offer_ends_at=START.isoformat())
    page = (await visitor.get(PAGE)).text
    assert f'action="{PAGE}/take"' in page
    assert "2 Nov 2026, 09:00 UTC" in page


ACTS = ("end", "extend", "take", "credentials", "help", "address", "feedback", "erase", f"badges/{BADGE}")


@pytest.mark.parametrize("act", ACTS)
async def test_no_act_is_done_for_a_form_of_another_site(form: FilledForm, api: ApiDouble, act: str) -> None:
    api.become(state="running", extension_seconds=60)
    real = await form.token(PAGE)
    for token, headers in (("", {}), ("forged", {}), (real, {"Sec-Fetch-Site": "cross-site"})):
        data = {"form_token": token, "rating": "5", "email": "m@example.org"}
        answer = await form.visitor.post(f"{PAGE}/{act}", data=data, headers=headers)
        assert answer.status_code == 403, act
    assert (api.acts, api.ended, api.corrections, api.feedback) == ([], 0, [], None)


async def test_an_act_that_there_is_not_changes_nothing(form: FilledForm, api: ApiDouble) -> None:
    answer = await form.send(f"{PAGE}/events", form_token=await form.token(PAGE))
    assert answer.headers["location"] == PAGE
    assert api.acts == []

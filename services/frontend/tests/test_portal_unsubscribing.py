"""The page behind a mail's unsubscribe link, for a person and for a mail program."""

import re

import httpx
import pytest
from services.frontend.tests.portal_double import OPTOUT, ApiDouble

PAGE = f"/mail/unsubscribe/{OPTOUT}"


async def test_opening_the_link_changes_nothing_and_shows_the_button(
    visitor: httpx.AsyncClient, api: ApiDouble
) -> None:
    page = (await visitor.get(PAGE)).text
    assert re.search(rf'<form method="post" action="{PAGE}">.*?<button[^>]*type="submit">Unsubscribe<', page, re.DOTALL)
    assert "<script" not in page
    assert not api.unsubscribed


async def test_the_button_unsubscribes_and_says_what_still_comes(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    await visitor.get(PAGE)
    answer = await visitor.post(PAGE, data={})
    assert answer.status_code == 200
    assert "your password" in answer.text
    assert api.unsubscribed == [OPTOUT]


@pytest.mark.parametrize("multipart", [False, True])
async def test_a_mail_programs_one_click_needs_no_cookie_and_no_second_step(
    portal_url: str, api: ApiDouble, multipart: bool
) -> None:
    field = {"List-Unsubscribe": "One-Click"}
    async with httpx.AsyncClient(base_url=portal_url, headers={"Sec-Fetch-Site": "cross-site"}) as program:
        sent = (
            await program.post(PAGE, files={key: (None, value) for key, value in field.items()})
            if multipart
            else await program.post(PAGE, data=field)
        )
    assert sent.status_code == 200
    assert api.unsubscribed == [OPTOUT]


@pytest.mark.parametrize("token", ["41-another", "nonsense", "..%2f..%2flogin", "41-%3Cscript%3E"])
async def test_another_link_is_told_that_there_is_nothing(
    visitor: httpx.AsyncClient, api: ApiDouble, token: str
) -> None:
    answer = await visitor.post(f"/mail/unsubscribe/{token}", data={})
    assert answer.status_code == 404
    assert not api.unsubscribed


async def test_while_the_api_is_away_it_can_be_tried_again(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.away = True
    answer = await visitor.post(PAGE, data={})
    assert answer.status_code == 503
    assert f'href="{PAGE}">Try again' in answer.text

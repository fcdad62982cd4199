"""The page of a shared badge, as a visitor and as a site that shows a preview of it."""

import httpx
import pytest
from services.frontend.tests.portal_double import BADGE, ApiDouble

PAGE = f"/badges/{BADGE.token}"


async def test_it_shows_what_was_earned_and_when_and_nobodys_name(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get(PAGE)
    assert answer.status_code == 200
    page = answer.text
    for shown in ("API 101: speak REST fluently", "23 November 2026", 'href="/workshops/WKSHP-API101"', "&amp; read"):
        assert shown in page
    assert f'src="{PAGE}/image.svg"' in page
    assert f'property="og:image" content="http://127.0.0.1:8080{PAGE}/image.png"' in page
    assert f'property="og:url" content="http://127.0.0.1:8080{PAGE}"' in page
    assert "<script" not in page


async def test_a_badge_for_several_workshops_leads_to_none(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.badge = BADGE.model_copy(update={"workshop": None, "special_badge": 1, "name": "Apprentice"})
    page = (await visitor.get(PAGE)).text
    assert "Apprentice" in page
    assert 'href="/workshops/' not in page


@pytest.mark.parametrize("kind", ["svg", "png"])
async def test_the_picture_comes_through_the_portal_once(visitor: httpx.AsyncClient, kind: str) -> None:
    answer = await visitor.get(f"{PAGE}/image.{kind}")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        200,
        f"drawn as {kind}",
        f"image/{kind}",
    )
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "sandbox" in answer.headers["content-security-policy"]
    again = await visitor.get(f"{PAGE}/image.{kind}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])


async def test_a_picture_that_the_workshop_brings_may_be_shown(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.brought = "https://pictures.example/api101.png"
    answer = await visitor.get(f"{PAGE}/image.svg")
    assert (answer.status_code, answer.headers["location"]) == (307, api.brought)
    assert "img-src 'self' http: https:" in (await visitor.get(PAGE)).headers["content-security-policy"]
    assert "img-src" not in (await visitor.get("/terms")).headers["content-security-policy"]


@pytest.mark.parametrize("path", ["0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a12", "nonsense", f"{BADGE.token}/image.gif"])
async def test_another_link_is_told_that_there_is_nothing(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(f"/badges/{path}")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


async def test_while_the_api_is_away_it_can_be_tried_again(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.away = True
    assert (await visitor.get(PAGE)).status_code == 503
    assert (await visitor.get(f"{PAGE}/image.png")).status_code == 503

"""No string is missing in a language, and the visitor's wish is heard."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import write_po
from services.frontend.tests.portal_double import ApiDouble

import wod_frontend
from wod_frontend.language import catalogues, languages

SOURCE = Path(wod_frontend.__file__).parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "later": None}
OTHERS = [code for code in languages() if code != "en"]


def spoken() -> Iterator[tuple[str | tuple[str, ...], str]]:
    """Every message of code and templates, with its file."""
    for method, pattern in (("python", "**/*.py"), ("jinja2", "**/templates/**/*.html")):
        for path in sorted(SOURCE.glob(pattern)):
            with path.open("rb") as file:
                for _, message, _, _ in extract(method, file, KEYWORDS, options={"trimmed": "true"}):
                    yield message, str(path.relative_to(SOURCE))


def translated(code: str) -> dict[object, object]:
    return {message.id: message.string for one in catalogues(code) for message in one if message.id}


@pytest.mark.parametrize("code", OTHERS)
def test_no_string_is_missing(code: str) -> None:
    known = translated(code)
    missing = Catalog(locale=code)
    for message, place in spoken():
        text = known.get(message)
        if not (all(text) if isinstance(text, tuple) else text):
            missing.add(message, auto_comments=[place])
    out = io.BytesIO()
    write_po(out, missing, omit_header=True)
    assert not len(missing), f"add to a .po of locales/{code}:\n{out.getvalue().decode()}"


@pytest.mark.parametrize("code", OTHERS)
def test_no_translation_is_left_over_or_doubtful_and_none_breaks_a_placeholder(code: str) -> None:
    used = {message for message, _ in spoken()}
    for one in catalogues(code):
        assert [message.id for message in one if message.id and message.id not in used] == []
        assert [message.id for message in one if message.fuzzy and message.id] == []
        assert [(message.id, errors) for message, errors in one.check()] == []


async def test_the_browsers_wish_is_heard_and_the_switch_is_remembered(
    visitor: httpx.AsyncClient, api: ApiDouble
) -> None:
    for wish, code in (("fr-CA,fr;q=0.9,en;q=0.5", "fr"), ("de,en;q=0.5", "en"), ("de", "en"), (";;,", "en")):
        answer = await visitor.get("/terms", headers={"Accept-Language": wish})
        assert f'<html lang="{code}">' in answer.text
        assert answer.headers["content-language"] == code
        assert "set-cookie" not in answer.headers
    chosen = await visitor.get("/terms?language=fr", headers={"Accept-Language": "en"})
    assert "httponly" in chosen.headers["set-cookie"].lower()
    assert "Conditions" in chosen.text
    assert '<html lang="fr">' in (await visitor.get("/privacy", headers={"Accept-Language": "en"})).text
    assert '<html lang="en">' in (await visitor.get("/privacy?language=en")).text


@pytest.mark.parametrize("hostile", ["xx", "../../etc", "fr%00", "<script>", "fr&language=%22%3E"])
async def test_an_unknown_language_is_english(visitor: httpx.AsyncClient, hostile: str) -> None:
    for answer in (
        await visitor.get(f"/terms?language={hostile}"),
        await visitor.get("/terms", headers={"Cookie": f"wod_language={hostile}"}),
    ):
        assert '<html lang="en">' in answer.text
        assert "wod_language" not in answer.headers.get("set-cookie", "")


async def test_the_switch_stays_on_this_site(visitor: httpx.AsyncClient, portal_url: str) -> None:
    page = await visitor.get(f"{portal_url}//evil.example/x", headers={"Host": "evil.example"})
    assert 'href="/evil.example/x?language=fr"' in page.text
    assert 'href="//' not in page.text
    assert "http://evil.example" not in page.text

"""The catalogue's tabs and filters by their addresses, badges' pages, recordings, and joining a class."""

from datetime import timedelta

import httpx
import pytest
from services.frontend.tests.conftest import FilledForm
from services.frontend.tests.portal_double import CODE, START, ApiDouble, workshop

ATTACK = '"><script>alert(1)</script>'


@pytest.fixture
def many(api: ApiDouble) -> None:
    api.workshops = [
        workshop("WKSHP-Git", name="Git without fear", duration_seconds=3600, category=["Tools"]),
        workshop("WKSHP-Data", name="See your data", room=0, category=["Data"], presenter="Zoe"),
        workshop("WKSHP-New", name="Brand new", created_at=START + timedelta(days=9), duration_seconds=14_400),
    ]
    api.popular = ["WKSHP-Data", "WKSHP-Gone"]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("", ["Git without fear", "See your data", "Brand new"]),
        ("tab=latest", ["Brand new", "Git without fear", "See your data"]),
        ("tab=popular", ["See your data"]),
        ("q=FEAR git", ["Git without fear"]),
        ("q=zoe", ["See your data"]),
        ("category=Tools", ["Git without fear"]),
        ("minutes=60", ["Git without fear"]),
        ("minutes=120&free=1", ["Git without fear"]),
        ("tab=latest&free=1", ["Brand new", "Git without fear"]),
        ("q=nothing-like-it", []),
        ("tab=%00&minutes=99&page=-1&free=maybe", ["Git without fear", "See your data", "Brand new"]),
        ("page=7", []),
    ],
)
async def test_what_is_asked_for_is_what_is_shown(visitor: httpx.AsyncClient, asked: str, shown: list[str]) -> None:
    answer = await visitor.get(f"/workshops?{asked}")
    assert answer.status_code == 200
    places = {name: answer.text.find(f">{name}</a>") for name in ("Git without fear", "See your data", "Brand new")}
    assert sorted((name for name, place in places.items() if place > 0), key=places.__getitem__) == shown


async def test_pages_follow_each_other_and_keep_what_was_asked(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.workshops = [workshop(f"WKSHP-N{number}", name=f"Number {number}") for number in range(30)]
    first = (await visitor.get("/workshops?q=number")).text
    assert 'rel="next" href="/workshops?q=number&amp;page=2"' in first
    second = (await visitor.get("/workshops?q=number&page=2")).text
    assert 'rel="prev" href="/workshops?q=number"' in second
    assert second.count('class="card"') == 6


async def test_a_card_shows_the_seats_that_are_left_now_in_the_language_of_its_reader(
    visitor: httpx.AsyncClient, api: ApiDouble
) -> None:
    for room, english, french in ((6, "<b>6</b> seats free", "<b>6</b> places libres"), (0, "Full", "Complet")):
        api.workshops = [workshop(room=room)]
        for language, words in (("en", english), ("fr", french)):
            page = await visitor.get("/workshops", headers={"Accept-Language": language})
            assert words in page.text, (room, language)


async def test_hostile_searches_are_escaped(visitor: httpx.AsyncClient) -> None:
    for path in (f"/workshops?q={ATTACK}&category={ATTACK}", f"/join?code={ATTACK}"):
        page = (await visitor.get(path)).text
        assert "<script>alert" not in page
        assert "&#34;&gt;&lt;script&gt;" in page


async def test_the_catalogue_is_read_anew_only_where_it_has_changed(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    await visitor.get("/workshops")
    before = api.catalogue_sent
    await visitor.get("/workshops")
    assert api.catalogue_sent == before
    api.workshops = [workshop("WKSHP-Git", name="Git without fear")]
    assert "Git without fear" in (await visitor.get("/workshops")).text


@pytest.mark.parametrize(
    ("link", "src"),
    [
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"),
        ("https://youtu.be/dQw4w9WgXcQ", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"),
        ("https://vimeo.com/123456789", "https://player.vimeo.com/video/123456789"),
        ("https://videos.example.org/x", ""),
        ("https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ", ""),
    ],
)
async def test_a_recording_is_a_poster_and_only_its_own_player_may_be_framed(
    visitor: httpx.AsyncClient, api: ApiDouble, link: str, src: str
) -> None:
    api.workshops = [workshop(replay_link=link)]
    answer = await visitor.get("/workshops/WKSHP-API101")
    assert f'data-player="{src}' in answer.text
    assert "<iframe" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert ("frame-src" in policy) is bool(src)
    assert not src or policy.endswith(f"frame-src {src[: src.index('/', 8)]}")
    assert "WKSHP-API101#replay" in (await visitor.get("/replays")).text


async def test_a_recording_without_a_web_address_is_none(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.workshops = [workshop(replay_link="javascript:alert(1)")]
    assert "javascript:" not in (await visitor.get("/workshops/WKSHP-API101")).text
    assert "No workshop has a recording yet." in (await visitor.get("/replays")).text


async def test_badges_to_earn_have_pages_with_pictures(visitor: httpx.AsyncClient) -> None:
    for address, words in (
        ("/workshops/WKSHP-API101/finisher-badge", "API 101"),
        ("/workshops/1/special-badge", "For 3 different workshops"),
    ):
        page = (await visitor.get(address)).text
        assert words in page
        assert f'property="og:image" content="http://127.0.0.1:8080{address}.png"' in page
    assert (await visitor.get("/workshops/WKSHP-API101/finisher-badge.png")).headers["content-type"] == "image/png"
    for nothing in ("/workshops/9/special-badge", "/workshops/WKSHP-No/finisher-badge", "/workshops/0/special-badge"):
        assert (await visitor.get(nothing)).status_code == 404


async def test_a_code_leads_to_its_class_and_registers_with_it(form: FilledForm, api: ApiDouble) -> None:
    visitor = form.visitor
    typed = await visitor.get("/join", params={"code": " k7qm 2xrd "})
    assert (typed.status_code, typed.headers["location"]) == (303, f"/join/{CODE}")
    page = (await visitor.get(f"/join/{CODE}")).text
    assert "API 101 at the summit" in page
    assert f'name="join_code" value="{CODE}"' in page
    token = await form.token(f"/join/{CODE}")
    assert (await form.send(form_token=token, join_code=CODE)).status_code == 303
    assert api.bodies[-1]["join_code"] == CODE


@pytest.mark.parametrize("code", ["AAAA-0000", "..%2f..%2fregistrations", "%2e%2e", "x" * 41])
async def test_an_unknown_code_is_told_so(visitor: httpx.AsyncClient, code: str) -> None:
    assert (await visitor.get(f"/join/{code}")).status_code == 404

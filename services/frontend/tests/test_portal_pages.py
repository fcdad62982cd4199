"""What a visitor without a script gets to see."""

import httpx
from services.frontend.tests.portal_double import START, TOKEN, ApiDouble, workshop

ATTACK = "<script>alert(1)</script>\"'&"


async def test_home_lists_active_workshops_with_what_one_decides_by(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.workshops = [
        workshop(),
        workshop("WKSHP-Git", name="Git without fear", room=0, duration_seconds=5400),
        workshop("WKSHP-Old", name="Retired", active=False),
    ]
    page = (await visitor.get("/")).text
    assert "API 101: speak REST fluently" in page
    assert "<b>6</b> seats free" in page
    assert "with Ada Martin" in page
    assert "Full" in page
    assert "1 hour 30 minutes" in page
    assert "Retired" not in page
    assert "4,212" in page


async def test_category_filters_the_catalogue(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.workshops = [workshop(), workshop("WKSHP-Data", name="See your data", category=["Data & AI"])]
    page = (await visitor.get("/workshops", params={"category": "Data & AI"})).text
    assert "See your data" in page
    assert "API 101" not in page
    assert '<option value="Data &amp; AI" selected>' in page


async def test_unknown_category_offers_the_way_back(visitor: httpx.AsyncClient) -> None:
    assert "Show all of them" in (await visitor.get("/workshops?category=nothing")).text


async def test_workshop_page_holds_the_form(visitor: httpx.AsyncClient) -> None:
    page = (await visitor.get("/workshops/WKSHP-API101")).text
    assert "2 hours" in page
    for field in ("name", "email", "company", "terms"):
        assert f'<label for="{field}">' in page


async def test_full_workshop_says_so_and_offers_its_waiting_list(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.workshops = [workshop(room=0)]
    page = (await visitor.get("/workshops/WKSHP-API101")).text
    assert "This workshop is full." in page
    assert '<input type="hidden" name="wait" value="yes">' in page
    api.workshops = [workshop(room=0, paused="Back at two.")]
    page = (await visitor.get("/workshops/WKSHP-API101")).text
    assert "Back at two." in page
    assert "<form" not in page


async def test_hostile_texts_of_a_workshop_are_escaped(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.workshops = [workshop(name=ATTACK, description=ATTACK, presenter=ATTACK, category=[ATTACK, "b"])]
    for path in ("/", "/workshops/WKSHP-API101"):
        page = (await visitor.get(path)).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


async def test_hostile_texts_of_a_registration_are_escaped(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.happen("progress", step="account", message=ATTACK, percent=3)
    api.become(name=ATTACK, workshop_name=ATTACK, username=ATTACK, location=ATTACK)
    for state in ("deploying", "running", "ended"):
        api.become(state=state)
        page = (await visitor.get(f"/sessions/{TOKEN}")).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


async def test_lab_address_must_be_a_web_address(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.become(state="running", lab_url="javascript:alert(1)")
    assert "javascript:" not in (await visitor.get(f"/sessions/{TOKEN}")).text


async def test_session_in_preparation_shows_its_cells(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.happen("registered", "registered", after=0.03)
    api.happen("command-sent")
    api.happen("progress", step="account", percent=20, message="Preparing your account", seconds=0.1)
    api.happen("progress", step="deliver", percent=62, message="Preparing 3 notebooks for you", seconds=0.5)
    page = (await visitor.get(f"/sessions/{TOKEN}")).text
    assert "You are in: student7 at Grenoble" in page
    assert "0.03 s" in page
    assert "3.0 s" in page
    assert "Preparing 3 notebooks for you" in page
    assert '<progress max="100" value="62"' in page
    assert page.count('class="cell cell-done"') == 2
    assert page.count('class="cell cell-running"') == 1


async def test_running_session_opens_the_lab_and_tells_no_password(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.become(state="running", ends_at=START.replace(year=2999))
    page = (await visitor.get(f"/sessions/{TOKEN}")).text
    assert 'href="http://lab.test/hub/user-redirect/lab" rel="noreferrer"' in page
    assert 'role="timer"' in page
    assert "is in your mail" in page
    assert 'http-equiv="refresh"' in page


async def test_ended_session_tells_how_far_one_came_and_what_else_there_is(
    visitor: httpx.AsyncClient, api: ApiDouble
) -> None:
    api.workshops.append(workshop("WKSHP-Git", name="Git without fear"))
    api.become(state="ended", completion=78, cleaned=True)
    page = (await visitor.get(f"/sessions/{TOKEN}")).text
    assert 'value="78"' in page
    assert "Git without fear" in page
    assert 'http-equiv="refresh"' not in page


async def test_cells_do_not_mistake_the_cleaning_for_the_preparation(
    visitor: httpx.AsyncClient, api: ApiDouble
) -> None:
    api.happen("registered", "registered")
    api.happen("cancelled", "cancelled")
    api.happen("command-sent", "cancelled", verb="CLEANUP")
    api.happen("progress", "cancelled", verb="CLEANUP", step="clean", percent=50, message="Wiping")
    page = (await visitor.get(f"/sessions/{TOKEN}")).text
    assert page.count('class="cell cell-done"') == 1
    assert "Wiping" not in page


async def test_failed_session_leads_on(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.happen("registered", "registered")
    api.happen("failed", "failed")
    page = (await visitor.get(f"/sessions/{TOKEN}")).text
    assert "Your lab could not be prepared" in page
    assert 'href="/workshops/WKSHP-API101">Register again' in page
    assert "cell-failed" in page


async def test_terms_privacy_robots_and_favicon_answer(visitor: httpx.AsyncClient) -> None:
    for path in ("/terms", "/privacy", "/robots.txt", "/favicon.svg", "/healthz", "/readyz", "/metrics"):
        assert (await visitor.get(path)).status_code == 200, path


async def test_unknown_addresses_get_a_friendly_404(visitor: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/workshops/WKSHP-None", "/workshops/..%2f..%2fetc", "/sessions/x", "/sessions/1-wrong"):
        answer = await visitor.get(path)
        assert answer.status_code == 404, path
        assert "See the workshops" in answer.text


async def test_unknown_session_explains_the_link(visitor: httpx.AsyncClient) -> None:
    assert "We do not know this session" in (await visitor.get("/sessions/41-wrong")).text


async def test_api_away_is_a_page_that_says_when_to_come_again(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.away = True
    for path in ("/", "/workshops/WKSHP-API101", f"/sessions/{TOKEN}", f"/sessions/{TOKEN}/stream"):
        answer = await visitor.get(path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "Back in a moment" in answer.text
    ready = await visitor.get("/readyz")
    assert ready.status_code == 503


async def test_pages_are_light(visitor: httpx.AsyncClient, api: ApiDouble) -> None:
    api.workshops = [workshop(f"WKSHP-N{number}", name=f"Workshop {number}") for number in range(24)]
    for page in ("/", "/workshops"):
        weight = len((await visitor.get(page)).content) + len((await visitor.get("/favicon.svg")).content)
        for name in ("portal.css", "catalogue.js"):
            weight += len((await visitor.get(f"/static/{name}")).content)
        assert weight < 120_000

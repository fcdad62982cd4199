"""Lists, details and sheets, on the rows of the real api-db."""

import csv
import io
import re
from html import unescape

import pytest
from api_support import AgentDouble, Api
from services.frontend.tests.console.console_kit import Visit, running

from wod_frontend.console.listings import LISTINGS
from wod_frontend.console.sheets import defused

ATTACK = "<script>alert(1)</script>\"'&"


@pytest.mark.parametrize("name", [name for name, one in LISTINGS.items() if one])
async def test_every_list_opens_and_can_be_downloaded(admin: Visit, name: str) -> None:
    assert "<h1>" in await admin.see(f"/console/{name}")
    answer = await admin.http.get(f"/console/{name}.csv")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_a_registration_is_found_by_what_is_known_of_it(admin: Visit, api: Api, agent: AgentDouble) -> None:
    number = await running(api, agent, "findme@example.org", name="Zenobia Quick", company="Aster")
    student = await api.value(
        "SELECT number FROM students s JOIN registrations r ON r.student_id = s.id WHERE r.id = :i", i=number
    )
    for word in ("zenobia", "FINDME@", "aster", str(number), f"student{student}"):
        assert "findme@example.org" in await admin.see(f"/console/registrations?q={word}"), word
    for miss in ("q=%25", "q=_", "q=nobodyhere", "q=zenobia&state=failed", "q=zenobia&until=2026-01-01"):
        assert "findme@example.org" not in await admin.see(f"/console/registrations?{miss}"), miss


async def test_a_filter_that_cannot_be_meant_is_told_and_not_broken(admin: Visit) -> None:
    for query in ("state=nonsense", "since=yesterday", "location=x", "cursor=%00"):
        assert 'role="alert"' in await admin.see(f"/console/registrations?{query}", 422)


async def test_a_list_goes_on_where_a_page_ends(admin: Visit, api: Api) -> None:
    await api.change("INSERT INTO notices (kind, text) SELECT 'many', 'notice ' || n FROM generate_series(1, 60) n")
    first = await admin.see("/console/notices?kind=many")
    assert re.search(r"notice 60\b", first)
    assert not re.search(r"notice 10\b", first)
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = await admin.see(unescape(following[1]))
    assert re.search(r"notice 10\b", second)
    assert not re.search(r"notice 11\b", second)
    assert 'rel="next"' not in second


async def test_the_page_of_each_thing_opens(admin: Visit, api: Api, agent: AgentDouble) -> None:
    number = await running(api, agent, "pages@example.org")
    command, student = (await api.rows("SELECT id, student_id FROM commands WHERE registration_id = :i", i=number))[0]
    account = await api.value("SELECT id FROM accounts WHERE username = 'mo'")
    for path in (
        "",
        "?span=day",
        "/me",
        f"/registrations/{number}",
        f"/students/{student}",
        f"/commands/{command}",
        "/workshops/WKSHP-API101",
        "/locations/1",
        f"/accounts/{account}",
    ):
        assert "<h1>" in await admin.see(f"/console{path}"), path
    story = await admin.see(f"/console/registrations/{number}")
    for told in ("registered", "CREATE(WKSHP-API101)", "mail(welcome)", "mail(credentials)"):
        assert told in story
    for nothing in ("/registrations/999999999", "/students/99999", "/workshops/WKSHP-None", "/nothing"):
        await admin.see(f"/console{nothing}", 404)


async def test_hostile_words_are_shown_and_not_obeyed(admin: Visit, api: Api, agent: AgentDouble) -> None:
    number = await running(api, agent, "hostile@example.org", name=ATTACK, company=ATTACK)
    command = await api.value("SELECT id FROM commands WHERE registration_id = :i", i=number)
    await api.change("UPDATE commands SET error = :a WHERE id = :i", a=ATTACK, i=command)
    await api.change("UPDATE mails SET error = :a WHERE registration_id = :i", a=ATTACK, i=number)
    await api.change("INSERT INTO notices (kind, text) VALUES (:a, :a)", a=ATTACK)
    await api.change(
        "INSERT INTO registration_events (registration_id, type, state, data)"
        " VALUES (:i, 'note', 'running', jsonb_build_object('text', CAST(:a AS text)))",
        a=ATTACK,
        i=number,
    )
    reason = await admin.act("extend", number, minutes="5", reason=ATTACK)
    assert reason.status_code == 303
    for path in (
        f"/console/registrations/{number}",
        f"/console/commands/{command}",
        "/console/notices",
        "/console/audit",
        "/console/commands",
        "/console/mails",
        "/console",
        f"/console/registrations?q={ATTACK}",
    ):
        page = await admin.see(path)
        assert "<script>alert" not in page, path
        assert "&lt;script&gt;alert(1)" in page, path


async def test_the_first_page_tells_what_crowds_found_and_what_it_cost(
    admin: Visit, api: Api, agent: AgentDouble
) -> None:
    waited = await api.value("SELECT count(*) FROM registrations WHERE waiting_since IS NOT NULL")
    capacity = await api.value("SELECT capacity FROM placements")
    await api.change("UPDATE placements SET capacity = 0")
    joined = await api.register("crowd@example.org", wait=True)
    await api.change("UPDATE placements SET capacity = :capacity", capacity=capacity)
    assert joined.json()["state"] == "waiting"
    page = await admin.see("/console")
    assert f"{waited + 1} joined, " in page
    assert " were made, 0 thrown away" in page
    await api.http.post(f"/api/v1/registrations/{joined.json()['token']}/end")


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_a_formula_is_a_text_in_a_sheet(formula: str) -> None:
    assert str(defused(formula)).startswith("'")
    assert defused(-1) == -1
    assert defused("a=1") == "a=1"


async def test_a_sheet_holds_every_row_that_the_list_would_show(admin: Visit, api: Api, agent: AgentDouble) -> None:
    await running(api, agent, "sheet@example.org", name="=cmd|' /C calc'!A0", company="=HYPERLINK(1)")
    answer = await admin.http.get("/console/students.csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 40
    assert {row["username"] for row in rows} >= {"student1", "student40"}
    answer = await admin.http.get("/console/registrations.csv?q=sheet@")
    [row] = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert row["email"] == "sheet@example.org"

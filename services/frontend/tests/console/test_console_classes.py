"""An instructor's class: booked, its roster invited, its people seen, helped and sent home."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from api_support import Api
from services.frontend.tests.console.console_kit import Visit, audited

from wod_frontend.console.classes import qr_code


@pytest.fixture
async def instructor(console_url: str, sessions: dict[str, httpx.Cookies]) -> AsyncIterator[Visit]:
    async with httpx.AsyncClient(base_url=console_url, timeout=30, cookies=sessions["ina"]) as client:
        yield Visit(client)


def typed(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M")


async def book(visit: Visit, api: Api, title: str, seats: int = 3, begins: timedelta = timedelta(minutes=5)) -> int:
    start = datetime.now(UTC) + begins
    fields = {"title": title, "seats": str(seats), "starts_at": typed(start), "location": "", "speaker_seat": ""}
    answer = await visit.send(
        "/console/acts/new-class", workshop="WKSHP-API101", ends_at=typed(start + timedelta(hours=1)), **fields
    )
    assert answer.status_code == 303, answer.text
    assert "The class is booked." in await visit.see(answer.headers["location"])
    identity: int = await api.value("SELECT id FROM classes WHERE title = :t", t=title)
    return identity


async def test_a_class_from_its_booking_to_its_end(instructor: Visit, stranger: Visit, api: Api) -> None:
    number = await book(instructor, api, "API <at> the summit")
    page = await instructor.see(f"/console/classes/{number}")
    assert "API &lt;at&gt; the summit" in page
    code = await api.value("SELECT code FROM classes WHERE id = :i", i=number)
    poster = await instructor.see(f"/console/classes/{number}/poster")
    assert "<svg" in poster
    assert 'class="qr"' in poster

    broken = await instructor.send(
        f"/console/classes/{number}/roster",
        f"/console/classes/{number}",
        text="email,name\nada@example.org,Ada\n<b>no,X\n",
    )
    assert broken.status_code == 422
    assert "line 3" in broken.text
    assert "&lt;b&gt;no" in broken.text
    assert await api.value("SELECT count(*) FROM class_invitations WHERE class_id = :i", i=number) == 0
    taken = await instructor.send(
        f"/console/classes/{number}/roster", f"/console/classes/{number}", text="email,name\nada@example.org,Ada\n"
    )
    assert "1 invited now" in taken.text, taken.text

    joined = await api.register("ada@example.org", name="Ada <Martin>", join_code=code)
    assert joined.status_code == 201, joined.text
    made = joined.json()
    await api.http.post(f"/api/v1/registrations/{made['token']}/help", json={"wanted": True})
    page = await instructor.see(f"/console/classes/{number}")
    assert "Ada &lt;Martin&gt;" in page
    assert "wants help" in page
    helped = f"/console/classes/{number}/people/{made['id']}/helped"
    assert (await instructor.send(helped, f"/console/classes/{number}")).status_code == 303
    assert await api.value("SELECT help_wanted_at FROM registrations WHERE id = :i", i=made["id"]) is None

    code = await api.value("SELECT code FROM classes WHERE id = :i", i=number)
    assert (await instructor.act("replace-code", number)).status_code == 303
    assert await api.value("SELECT code FROM classes WHERE id = :i", i=number) != code
    assert [who for who, _ in await audited(api, "class.code", number)] == ["ina"]

    assert (await instructor.act("end-class", number)).status_code == 303
    assert await api.value("SELECT ended_at IS NOT NULL FROM classes WHERE id = :i", i=number)
    assert await api.value("SELECT ended_at IS NOT NULL FROM registrations WHERE id = :i", i=made["id"])
    assert [who for who, _ in await audited(api, "class.end", number)] == ["ina"]


async def test_a_class_that_does_not_fit_is_told_where_it_would(instructor: Visit, api: Api) -> None:
    number = await book(instructor, api, "All of it", seats=25, begins=timedelta(days=2))
    start = datetime.now(UTC) + timedelta(days=2)
    answer = await instructor.send(
        "/console/acts/new-class",
        workshop="WKSHP-API101",
        title="Too many",
        seats="25",
        starts_at=typed(start),
        ends_at=typed(start + timedelta(hours=1)),
        speaker_seat="",
        location="",
    )
    assert answer.status_code == 409
    assert "It fits here instead" in answer.text
    assert "title=Too+many" in answer.text
    longer = await instructor.act(
        "change-class",
        number,
        title="All of it",
        seats="20",
        speaker_seat="",
        starts_at=typed(start),
        ends_at=typed(start + timedelta(hours=2)),
    )
    assert longer.status_code == 303, longer.text
    assert await api.value("SELECT seats FROM classes WHERE id = :i", i=number) == 20
    await instructor.act("end-class", number)


async def test_an_instructor_sees_classes_and_nothing_else(instructor: Visit, moderator: Visit, api: Api) -> None:
    number = await book(moderator, api, "Somebody else's", begins=timedelta(days=5))
    assert "Somebody else" not in await instructor.see("/console/classes")
    await instructor.see(f"/console/classes/{number}", 404)
    await instructor.see(f"/console/acts/end-class?id={number}", 404)
    for path in ("", "/registrations", "/registrations/1", "/audit", "/students.csv", "/accounts", "/acts/end?id=1"):
        await instructor.see(f"/console{path}", 403)
    assert "/console/registrations" not in await instructor.see("/console/classes")
    await moderator.act("end-class", number)


def test_a_qr_code_is_a_picture_and_runs_nothing() -> None:
    drawn = qr_code("https://portal.test/join/K7QM-2XRD?<script>")
    assert drawn.startswith("<svg")
    assert "script" not in drawn
    assert "style=" not in drawn

"""Content folders into rows: what is created, changed, left alone, retired and refused."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from api_support import ADMIN, Api, seed_of, write_workshop
from sqlalchemy import text

from wod_api_db.seeding import seed
from wod_api_db.settings import Settings
from wod_api_db.workshops.sync_report import SyncReport
from wod_api_db.workshops.synchronising import synchronise

REAL = Path(os.environ.get("WOD_SHARED", Path(__file__).parents[4] / "shared")) / "real-workshops"
MOUGINS = """INSERT INTO locations (id, name, fqdn, basestdid, seats, gate_host, gate_port, hub_url)
             VALUES (2, 'Mougins', 'Mougins.test', 2000, 20, '127.0.0.1', 1, 'http://hub2.test')"""


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """The folder that the database was seeded from, or one like it."""
    folder = tmp_path / "content"
    write_workshop(folder)
    return folder


def edit(content: Path, old: str, new: str, name: str = "WKSHP-API101") -> None:
    file = content / name / "wod.yml"
    written = file.read_text()
    assert old in written
    file.write_text(written.replace(old, new))


async def sync(api: Api, *folders: Path, **options: Any) -> SyncReport:
    async with api.sessions.begin() as session:
        return await synchronise(session, folders, **options)


def fields(report: SyncReport) -> dict[str, tuple[str, str]]:
    return {change.field: (change.old, change.new) for change in report.changed}


async def test_what_is_stored_already_makes_no_difference(api: Api, content: Path) -> None:
    before = await api.rows("SELECT * FROM workshops JOIN placements ON workshop_id = workshops.id")
    assert await sync(api, content) == SyncReport(applied=True)
    assert await api.rows("SELECT * FROM workshops JOIN placements ON workshop_id = workshops.id") == before


async def test_a_change_is_told_with_what_was_before(api: Api, content: Path) -> None:
    edit(content, "duration: 2", "duration: 1.5\nextensions: 3\nextension: 0.5\nnoShow: 1\npreRequisite: Git")
    report = await sync(api, content)
    found = fields(report)
    version = found.pop("content_version")
    assert version[0] != version[1]
    assert found == {
        "duration": ("2 h", "1.5 h"),
        "pre_requisite": ("", "Git"),
        "extensions": ("1", "3"),
        "extension": ("None", "0.5 h"),
        "no_show": ("None", "1 h"),
    }
    assert "changed   WKSHP-API101: duration: 2 h -> 1.5 h" in list(report.lines())
    [row] = await api.rows("SELECT duration, extensions, extension, no_show, pre_requisite FROM workshops")
    assert [str(value) for value in row] == ["1:30:00", "3", "0:30:00", "1:00:00", "Git"]


async def test_a_dry_run_tells_all_and_changes_nothing(api: Api, content: Path) -> None:
    edit(content, "duration: 2", "duration: 3")
    write_workshop(content, "WKSHP-New", first=10, last=12)
    dry = await sync(api, content, dry_run=True)
    assert (dry.applied, dry.created, fields(dry)["duration"]) == (False, ["WKSHP-New"], ("2 h", "3 h"))
    assert await api.rows("SELECT notebook, duration::text FROM workshops") == [("WKSHP-API101", "02:00:00")]
    wet = await sync(api, content)
    assert wet == dry.model_copy(update={"applied": True})
    assert await api.value("SELECT count(*) FROM workshops") == 2


async def test_the_capacity_is_the_operators(api: Api, content: Path) -> None:
    await api.change("UPDATE placements SET capacity = 2")
    edit(content, "capacity: 3", "capacity: 1")
    report = await sync(api, content)
    assert await api.value("SELECT capacity FROM placements") == 2
    assert [note.reason for note in report.notes] == [
        "capacity 2 at Grenoble is the operators' to change; the file's 1 counted at the first import"
    ]


async def test_the_range_is_the_files_until_an_operator_changes_it(api: Api, content: Path) -> None:
    edit(content, "range: [1,3]", "range: ['5-9']")
    assert fields(await sync(api, content))["last seat at Grenoble"] == ("3", "9")
    await api.change("UPDATE placements SET first_seat = 2, last_seat = 4, imported = false")
    report = await sync(api, content)
    assert await api.rows("SELECT first_seat, last_seat FROM placements") == [(2, 4)]
    assert [(note.line, note.reason) for note in report.notes] == [
        (8, "seats 2 to 4 at Grenoble are an operator's choice; the file's 5 to 9 are left aside")
    ]


async def test_a_closed_placement_stays_closed(api: Api, content: Path) -> None:
    await api.change("UPDATE placements SET closed_at = now()")
    edit(content, "range: [1,3]", "range: [5,9]")
    report = await sync(api, content)
    assert await api.rows("SELECT first_seat, closed_at IS NULL FROM placements") == [(1, False)]
    assert [note.reason for note in report.notes] == [
        "the placement at Grenoble is closed, and stays so until an operator opens it"
    ]


async def test_a_range_that_is_being_reset_is_left_alone(api: Api, content: Path) -> None:
    await api.change("UPDATE placements SET range_reset = 'waiting'")
    edit(content, "range: [1,3]", "range: [5,9]")
    report = await sync(api, content)
    assert await api.rows("SELECT first_seat, last_seat FROM placements") == [(1, 3)]
    assert [note.reason.partition(";")[0] for note in report.notes] == ["the range at Grenoble is being reset"]


async def test_a_moved_workshop_stays_where_the_operator_moved_it(api: Api, content: Path) -> None:
    await api.change(MOUGINS)
    move = {"location": 2, "first": 4, "last": 6, "capacity": 3}
    path = "/api/v1/workshops/WKSHP-API101/move"
    assert (await api.http.post(path, json=move, headers=await api.login(ADMIN))).status_code == 200
    edit(content, "range: [1,3]", "range: [5,9]")
    notes = [note.reason for note in (await sync(api, content)).notes]
    assert notes == ["seats 4 to 6 at Mougins are an operator's choice; the file's 5 to 9 are left aside"]
    query = "SELECT location_id, first_seat FROM placements WHERE closed_at IS NULL"
    assert await api.rows(query) == [(2, 4)]


async def test_a_range_beyond_the_seats_is_noted(api: Api, content: Path) -> None:
    edit(content, "range: [1,3]", "range: [30,45]")
    assert [note.reason.partition(":")[0] for note in (await sync(api, content)).notes] == [
        "range 30 to 45 goes beyond the 40 seats of Grenoble"
    ]


async def test_a_workshop_that_is_gone_is_retired_and_comes_back(api: Api, content: Path) -> None:
    assert (await api.register()).status_code == 201
    write_workshop(content, "WKSHP-New", first=10, last=12)
    shutil.move(content / "WKSHP-API101", content.parent)
    assert (await sync(api, content)).retired == ["WKSHP-API101"]
    assert await api.value("SELECT retired_at IS NOT NULL FROM workshops WHERE notebook = 'WKSHP-API101'")
    assert (await sync(api, content)).retired == []
    shutil.move(content.parent / "WKSHP-API101", content)
    assert (await sync(api, content)).restored == ["WKSHP-API101"]
    assert await api.value("SELECT retired_at IS NULL FROM workshops WHERE notebook = 'WKSHP-API101'")


async def test_a_refused_workshop_stays_as_it_was(api: Api, content: Path) -> None:
    edit(content, "duration: 2", "duration: soon")
    write_workshop(content, "WKSHP-New", first=10, last=12)
    report = await sync(api, content)
    assert (report.created, report.changed, report.retired) == (["WKSHP-New"], [], [])
    assert [(remark.line, remark.reason[:18]) for remark in report.refused] == [(18, "duration is 'soon'")]
    assert await api.value("SELECT duration::text FROM workshops WHERE notebook = 'WKSHP-API101'") == "02:00:00"


@pytest.mark.parametrize("how", ["missing", "empty", "one of two"])
async def test_an_unmounted_disk_retires_nothing(api: Api, content: Path, how: str) -> None:
    shutil.rmtree(content)
    folders = [content]
    if how != "missing":
        content.mkdir()
    if how == "one of two":
        write_workshop(content.parent / "other", "WKSHP-Other", first=10, last=12)
        folders.append(content.parent / "other")
    report = await sync(api, *folders)
    assert (report.applied, report.retired) == (False, ["WKSHP-API101"])
    assert report.refused[0].file == str(content)
    assert "1 workshop would be retired: nothing is changed" in report.refused[0].reason
    assert await api.rows("SELECT notebook, retired_at FROM workshops") == [("WKSHP-API101", None)]
    assert (await sync(api, *folders, force=True)).applied
    assert await api.value("SELECT retired_at IS NOT NULL FROM workshops WHERE notebook = 'WKSHP-API101'")


async def test_an_empty_folder_beside_a_full_one_is_no_reason_to_stop(api: Api, content: Path) -> None:
    (content.parent / "private").mkdir()
    assert await sync(api, content, content.parent / "private") == SyncReport(applied=True)


async def test_of_two_active_workshops_on_the_same_seats_the_new_one_is_refused(api: Api, content: Path) -> None:
    write_workshop(content, "WKSHP-A", first=3, last=5)
    write_workshop(content, "WKSHP-B", first=4, last=6)
    report = await sync(api, content)
    assert report.created == ["WKSHP-B"]
    assert [(Path(remark.file).parent.name, remark.line, remark.reason) for remark in report.refused] == [
        (
            "WKSHP-A",
            8,
            "seats 3 to 5 at Grenoble overlap seats 1 to 3 of WKSHP-API101; "
            "give one of the two other seats, or make it inactive",
        )
    ]


async def test_two_active_workshops_that_change_seats_are_taken(api: Api, content: Path) -> None:
    write_workshop(content, "WKSHP-B", first=4, last=6)
    await sync(api, content)
    edit(content, "[1,3]", "[4,6]")
    edit(content, "[4,6]", "[1,3]", "WKSHP-B")
    assert (await sync(api, content)).refused == []


async def test_an_inactive_workshop_may_have_the_same_seats_until_it_is_active(api: Api, content: Path) -> None:
    write_workshop(content, "WKSHP-A", first=1, last=6)
    edit(content, "active: true", "active: false", "WKSHP-A")
    assert (await sync(api, content)).refused == []
    edit(content, "active: false", "active: true", "WKSHP-A")
    assert len((await sync(api, content)).refused) == 1
    assert await api.value("SELECT active FROM workshops WHERE notebook = 'WKSHP-A'") is False


async def test_a_refused_file_still_holds_the_seats_that_are_stored(api: Api, content: Path) -> None:
    edit(content, "duration: 2", "duration: soon")
    write_workshop(content, "WKSHP-A", first=3, last=5)
    report = await sync(api, content)
    assert (report.created, len(report.refused)) == ([], 2)


async def test_the_operators_own_overlap_is_only_noted(api: Api, content: Path) -> None:
    write_workshop(content, "WKSHP-A", first=10, last=12)
    await sync(api, content)
    await api.change("UPDATE placements SET first_seat = 10, imported = false, last_seat = 11 WHERE first_seat = 1")
    report = await sync(api, content)
    assert report.refused == []
    assert "seats 10 to 11 at Grenoble overlap seats 10 to 12 of WKSHP-A" in report.notes[0].reason


async def test_alternate_locations_are_placements_in_the_order_written(api: Api, content: Path) -> None:
    await api.change(MOUGINS)
    await api.change(MOUGINS.replace("(2, 'Mougins', 'Mougins.test', 2000", "(3, 'Nice', 'nice.test', 3000"))
    edit(content, "duration: 2", "duration: 2\nalternateLocation: [NICE, mougins.TEST, Atlantis, Grenoble]")
    report = await sync(api, content)
    query = "SELECT location_id, rank, first_seat, last_seat, capacity, imported FROM placements ORDER BY rank"
    assert await api.rows(query) == [(1, 0, 1, 3, 3, True), (3, 1, 1, 3, 3, True), (2, 2, 1, 3, 3, True)]
    assert [(note.line, note.reason) for note in report.notes] == [
        (19, "alternateLocation names 'Atlantis', no location's name or host name; it is passed over")
    ]
    edit(content, "[NICE, mougins.TEST, Atlantis, Grenoble]", "[Mougins]")
    assert fields(await sync(api, content))["placement at Nice"] == ("open", "closed")
    query = "SELECT location_id, rank FROM placements WHERE closed_at IS NULL ORDER BY rank"
    assert await api.rows(query) == [(1, 0), (2, 1)]


async def test_a_new_workshop_runs_where_its_file_says(api: Api, content: Path) -> None:
    await api.change(MOUGINS)
    write_workshop(content, "WKSHP-New", first=1, last=3)
    edit(content, "duration: 2", "duration: 2\nlocation: mougins", "WKSHP-New")
    edit(content, "duration: 2", "duration: 2\nlocation: Atlantis")
    report = await sync(api, content)
    assert (report.created, report.refused) == (["WKSHP-New"], [])
    assert [note.reason.partition(",")[0] for note in report.notes] == ["location names 'Atlantis'"]
    assert await api.rows("SELECT location_id FROM placements ORDER BY workshop_id") == [(1,), (2,)]


async def test_seats_overlap_at_an_alternate_location_too(api: Api, content: Path) -> None:
    await api.change(MOUGINS)
    await api.change("UPDATE placements SET location_id = 2")
    write_workshop(content, "WKSHP-Z", first=2, last=6)
    assert (await sync(api, content)).refused == []
    edit(content, "duration: 2", "duration: 2\nalternateLocation: Mougins", "WKSHP-Z")
    [refused] = (await sync(api, content)).refused
    assert refused.reason.startswith("seats 2 to 6 at Mougins overlap seats 1 to 3 of WKSHP-API101")
    assert await api.value("SELECT count(*) FROM placements") == 2


async def somebody_waits(api: Api) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(600):
        if await api.value(query):
            return
        await asyncio.sleep(0.05)  # poll: the synchronisation comes to the operator's row
    raise AssertionError("nobody waits for a lock")


async def test_what_an_operator_sets_meanwhile_is_not_written_over(api: Api, content: Path) -> None:
    edit(content, "[1,3]", "[5,9]")
    async with api.sessions.begin() as operator:
        await operator.execute(text("UPDATE placements SET first_seat = 2, last_seat = 4, imported = false"))
        syncing = asyncio.create_task(sync(api, content))
        await somebody_waits(api)
    await syncing
    assert await api.rows("SELECT first_seat, last_seat FROM placements") == [(2, 4)]


async def test_people_register_while_workshops_are_synchronised(api: Api, content: Path) -> None:
    async def change_and_sync(last: int) -> None:
        edit(content, f"range: [1,{last - 1}]", f"range: [1,{last}]")
        await sync(api, content)

    async def sync_again_and_again() -> None:
        for last in range(4, 14):
            await change_and_sync(last)

    rush = asyncio.gather(*(api.register(f"p{number}@example.org") for number in range(40)))
    answers, _ = await asyncio.gather(rush, sync_again_and_again())
    codes = [answer.status_code for answer in answers]
    assert (codes.count(201), codes.count(409)) == (3, 37)


async def test_an_alternate_of_the_operators_own_stays_open(api: Api, content: Path) -> None:
    await api.change(MOUGINS)
    await api.change(
        "INSERT INTO placements (workshop_id, location_id, first_seat, last_seat, capacity, rank) "
        "SELECT workshop_id, 2, 1, 3, 3, 1 FROM placements"
    )
    assert await sync(api, content) == SyncReport(applied=True)
    assert await api.value("SELECT count(*) FROM placements WHERE closed_at IS NULL") == 2


async def test_a_workshop_stays_where_its_first_placement_is(api: Api, content: Path) -> None:
    await api.change(MOUGINS)
    await api.change("UPDATE placements SET location_id = 2")
    edit(content, "[1,3]", "[2,4]")
    await sync(api, content)
    assert await api.rows("SELECT location_id, first_seat FROM placements") == [(2, 2)]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real workshops at {REAL}; set WOD_SHARED")
async def test_the_real_workshops_are_stored(api: Api, content: Path) -> None:
    await api.change("UPDATE workshops SET active = false")  # ours has the seats of the real API101
    shutil.rmtree(content)
    write_workshop(content, "WKSHP-Own", first=30, last=31)
    report = await sync(api, REAL, content)
    assert (report.refused, report.retired) == ([], [])
    assert {"WKSHP-K8S101", "WKSHP-Python101", "WKSHP-Own"} == set(report.created)
    assert await api.value("SELECT name FROM workshops WHERE notebook = 'WKSHP-API101'") != "API 101"


async def test_seeding_again_follows_the_folder(api: Api, settings: Settings, content: Path) -> None:
    edit(content, "duration: 2", "duration: 3")
    report = await seed(settings, seed_of(content))
    assert fields(report)["duration"] == ("2 h", "3 h")

"""Booking a file of wishes: what fits is booked and stays, what does not is told, and nobody loses his seat."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from api_support import Api, seed_of, write_workshop
from locations_support import HOUSTON, PLACEMENTS, Operator
from wishes_support import Wisher, booked, reasons

from wod_api_db.seeding import seed
from wod_api_db.settings import Settings
from wod_common.plain_yaml import MAX_BYTES

EXAMPLE = Path(__file__).parents[3] / "private-template" / "seat-wishes.yml"
LOCATIONS = ("Grenoble", "Houston", "Pune", "Singapore")


@pytest.fixture
async def wisher(api: Api) -> Wisher:
    return await Wisher.of(api)


@pytest.fixture
async def twenty(api: Api, settings: Settings, tmp_path: Path) -> None:
    """Four locations, and the workshops that the example names, with their authors' ranges in Grenoble."""
    wished = yaml.safe_load(EXAMPLE.read_text())
    names = sorted({name for wishes in wished.values() for name in wishes})
    for place, name in enumerate(names):
        write_workshop(tmp_path, name, first=10 * place + 1, last=10 * place + 8, capacity=8)
    await seed(settings, seed_of(tmp_path, seats=700))
    operator = await Operator.of(api)
    for number, name in enumerate(LOCATIONS[1:], 2):
        location = {"id": number, "name": name, "basestdid": 1000 * number, "seats": 240}
        await operator.done("POST", "/locations", HOUSTON | location)


async def overlaps(api: Api) -> int:
    query = """SELECT count(*) FROM placements a JOIN placements b ON a.location_id = b.location_id AND a.id < b.id
        AND a.first_seat <= b.last_seat AND b.first_seat <= a.last_seat
        WHERE a.closed_at IS NULL AND b.closed_at IS NULL"""
    return int(await api.value(query))


@pytest.mark.usefixtures("twenty")
async def test_twenty_workshops_at_four_locations_are_booked_and_stay(api: Api, wisher: Wisher) -> None:
    file = EXAMPLE.read_text()
    before = await api.rows("SELECT * FROM placements ORDER BY id")
    assert len(before) == 20
    planned = await wisher.book(file, dry_run="true")
    assert (planned["applied"], await api.rows("SELECT * FROM placements ORDER BY id")) == (False, before)
    report = await wisher.book(file)
    assert report == planned | {"applied": True}
    assert (len(report["booked"]), report["refused"]) == (23, [])
    seats = booked(report)
    assert seats["WKSHP-Docker101", "Grenoble"] == (201, 240)
    assert seats["WKSHP-OpenShift101", "Singapore"] == (61, 90)
    for location in LOCATIONS:
        ranges = sorted(where for (_, place), where in seats.items() if place == location)
        assert all(one[1] < two[0] for one, two in pairwise(ranges))
    assert await overlaps(api) == 0
    again = await wisher.book(file)
    assert (again["changed"], again["booked"]) == ([], report["booked"])
    assert [note["reason"] for note in again["notes"] if note["workshop"] == "WKSHP-LLM101"] == [
        "its capacity lets in 20, and 29 seats are wished for"
    ]
    operator = await Operator.of(api)
    assert (await operator.actions()).count("placement.wish") == 2


@pytest.mark.usefixtures("twenty")
async def test_what_is_wished_later_moves_as_few_as_it_must(wisher: Wisher) -> None:
    first = await wisher.book("Pune:\n  WKSHP-Bash101: 90\n  WKSHP-Kafka101: 20\n")
    more = "Pune:\n  WKSHP-Bash101: 90\n  WKSHP-Kafka101: 20\n  WKSHP-Rust101: 80\n"
    second = await wisher.book(more)
    assert booked(first).items() < booked(second).items()
    third = await wisher.book(more.replace("Rust101: 80", "Rust101: {range: [1, 80]}"))
    assert booked(third)["WKSHP-Rust101", "Pune"] == (1, 80)
    assert booked(third)["WKSHP-Kafka101", "Pune"] == booked(second)["WKSHP-Kafka101", "Pune"]


async def test_who_is_in_keeps_his_seat_and_nobody_else_is_promised_it(
    api: Api, settings: Settings, tmp_path: Path, wisher: Wisher
) -> None:
    write_workshop(tmp_path)
    write_workshop(tmp_path, "WKSHP-Other", first=4, last=6)
    await seed(settings, seed_of(tmp_path))
    for number in range(2):
        await api.register(f"person{number}@example.org")
    report = await wisher.book("Grenoble:\n  WKSHP-API101: 10\n  WKSHP-Other: {range: [1, 3]}\n")
    assert reasons(report)[3].startswith("somebody is in seats 1 to 2 for WKSHP-API101")
    assert booked(report) == {}
    assert "people are in its seats" in reasons(report)[2]
    report = await wisher.book("Grenoble:\n  WKSHP-API101: 2\n  WKSHP-Other: 20\n")
    assert booked(report) == {("WKSHP-API101", "Grenoble"): (1, 2), ("WKSHP-Other", "Grenoble"): (4, 23)}


async def test_the_last_seat_is_the_speakers(api: Api, wisher: Wisher) -> None:
    report = await wisher.book("Grenoble:\n  WKSHP-API101: {seats: 3, speaker: true, capacity: 9}\n")
    assert report["booked"][0]["speaker_seat"]
    assert (await api.http.get("/api/v1/workshops/WKSHP-API101")).json()["room"] == 2
    answers = [(await api.register(f"person{number}@example.org")).json() for number in range(3)]
    assert [answer.get("username") for answer in answers] == ["student1", "student2", None]
    operator = await Operator.of(api)
    await operator.refused(422, "PATCH", f"{PLACEMENTS}/1", {"first": 3})
    assert (await operator.done("PATCH", f"{PLACEMENTS}/1", {"speaker_seat": False}))["room"] == 1


async def test_a_wish_that_cannot_be_met_says_why_and_hinders_no_other(api: Api, wisher: Wisher) -> None:
    file = """Grenoble:
  WKSHP-API101: 20
  WKSHP-Nowhere: 5
Grenobel:
  WKSHP-API101: 5
grenoble.test:
  WKSHP-API101: 4
"""
    report = await wisher.book(file)
    assert booked(report) == {("WKSHP-API101", "Grenoble"): (1, 20)}
    assert {line: reason.partition(";")[0] for line, reason in reasons(report).items()} == {
        3: "there is no such workshop",
        5: "no location has this name or host name",
        7: "is wished for on line 2 already",
    }
    assert "is grenoble meant?" in reasons(report)[5]


async def test_a_range_is_never_smaller_than_a_class_that_is_ahead(api: Api, wisher: Wisher) -> None:
    operator = await Operator.of(api)
    await wisher.book("Grenoble:\n  WKSHP-API101: {seats: 20, capacity: 20}\n")
    begins = datetime.now(UTC) + timedelta(days=3)
    times = {"starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=2)).isoformat()}
    taught = {"workshop": "WKSHP-API101", "location": 1, "seats": 3, "title": "Rest", **times}
    await operator.done("POST", "/classes", taught)
    assert "a class has booked" in reasons(await wisher.book("Grenoble:\n  WKSHP-API101: 2\n"))[2]
    assert reasons(await wisher.book("Grenoble:\n  WKSHP-API101: 10\n")) == {}


async def test_a_range_that_is_being_reset_and_a_closed_one_are_told(api: Api, wisher: Wisher) -> None:
    await api.change("UPDATE placements SET range_reset = 'waiting'")
    assert "being reset" in reasons(await wisher.book("Grenoble:\n  WKSHP-API101: 5\n"))[2]
    assert booked(await wisher.book("Grenoble:\n  WKSHP-API101: 3\n")) == {("WKSHP-API101", "Grenoble"): (1, 3)}
    await api.change("UPDATE placements SET range_reset = NULL, closed_at = now()")
    await api.change("UPDATE workshops SET active = false")
    notes = [note["reason"] for note in (await wisher.book("Grenoble:\n  WKSHP-API101: 5\n"))["notes"]]
    assert [note.split()[:3] for note in notes] == [
        ["its", "placement", "is"],
        ["the", "workshop", "is"],
        ["its", "capacity", "lets"],
    ]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("", "not a list of keys"),
        ("a: [", "line 1"),
        ("Grenoble: 5", "line 1: not a list of keys"),
        ("Grenoble:\n  W: 0\n", "line 2: W: seats is '0'"),
        ("Grenoble:\n  W: yes\n", "line 2: W: seats is 'True'"),
        ("Grenoble:\n  W: {seats: 1, speaker: true}\n", "the only one"),
        ("Grenoble:\n  W: {range: [5, 1]}\n", "line 2: W: the first number"),
        ("Grenoble:\n  W: {range: [1, 5], seats: 4}\n", "leave one of them out"),
        ("Grenoble:\n  W:\n    sets: 4\n", "line 3: the key 'sets' is not known; write seats"),
        ("Grenoble:\n  W: 1\n  W: 2\n", "line 3: 'W' stands already on line 2"),
        ("A: &a\n  W: 1\nB: *a\n", "anchors"),
        ("A:\n  W: !!python/name:os.system x\n", "the tag"),
        ("A: {b: {c: {d: {e: {f: 1}}}}}", "nested deeper"),
        ("A:\n  W: 1\x00\n", "control character"),
    ],
)
async def test_what_is_no_file_of_wishes_is_refused_with_its_line(wisher: Wisher, file: str, said: str) -> None:
    answer = await wisher.send(file)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert answer.json()["errors"]


async def test_only_an_administrator_sends_yaml_of_a_bearable_size(api: Api, wisher: Wisher) -> None:
    assert (await wisher.send(b"\xff")).status_code == 422
    assert (await wisher.send("a" * (MAX_BYTES + 1))).status_code == 413
    assert (await wisher.send("{}", **{"Content-Type": "application/json"})).status_code == 415
    assert (await wisher.send("A:\n  W: 1\n", Authorization="")).status_code == 401
    await api.change("UPDATE accounts SET role = 'moderator' WHERE username = 'operator'")
    assert (await (await Wisher.of(api)).send("A:\n  W: 1\n")).status_code == 403

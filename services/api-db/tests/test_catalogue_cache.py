"""The catalogue from memory: quick, and never behind what the database tells."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from api_support import Api
from sqlalchemy import event

from wod_api_db.workshops.models import Placement

LIST = "/api/v1/workshops"


@pytest.fixture
async def listening(api: Api) -> Api:
    await _until(lambda: api.app.state.notifications.catalogue_version is not None)
    return api


async def _until(condition: Callable[[], bool]) -> None:  # poll: the database tells when it tells
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the notifications have no event for tests
            await asyncio.sleep(0.02)


async def _shows(api: Api, expected: dict[str, Any]) -> None:  # poll: what has changed is told, not asked for
    async with asyncio.timeout(30):
        while True:
            [item] = (await api.http.get(LIST)).json()["items"]
            if expected.items() <= item.items():
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        (
            "UPDATE workshops SET name = 'Another', pre_requisite = 'Python'",
            {"name": "Another", "pre_requisite": "Python"},
        ),
        ("UPDATE workshops SET extensions = 3, extension = '30 min'", {"extensions": 3, "extension_seconds": 1800}),
        ("UPDATE placements SET capacity = 2", {"room": 2, "seats": 2, "extension_seconds": 3600}),
        ("UPDATE students SET state = 'broken' WHERE number = 3", {"room": 2}),
        ("UPDATE locations SET drained_at = now()", {"room": 0, "paused": None}),
        ("INSERT INTO pauses (text, created_by) VALUES ('lunch', 'x')", {"room": 0, "paused": "lunch"}),
        (
            "INSERT INTO pauses (text, created_by, workshop_id) SELECT 'mended', 'x', id FROM workshops",
            {"room": 0, "paused": "mended"},
        ),
        ("INSERT INTO pauses (text, created_by, location_id) VALUES ('power', 'x', 1)", {"room": 0, "paused": "power"}),
    ],
)
async def test_a_change_is_seen(listening: Api, statement: str, shown: dict[str, Any]) -> None:
    await _shows(listening, {"name": "API 101", "room": 3, "seats": 3, "paused": None})
    await listening.change(statement)
    await _shows(listening, shown)
    [item] = (await listening.http.get(LIST)).json()["items"]
    assert (await listening.http.get(f"{LIST}/WKSHP-API101")).json() == item


async def test_a_registration_takes_its_seat_out_of_the_list(listening: Api) -> None:
    await _shows(listening, {"room": 3})
    await listening.register()
    await _shows(listening, {"room": 2})


async def test_the_pause_of_one_location_hinders_nobody_while_another_has_room(listening: Api) -> None:
    await listening.change(
        "INSERT INTO locations (id, name, fqdn, basestdid, seats, gate_host, hub_url) "
        "VALUES (2, 'Lyon', 'lyon.test', 5000, 1, 'localhost', 'http://hub.test')"
    )
    await listening.change("INSERT INTO students (id, location_id, number) VALUES (5001, 2, 1)")
    await listening.change(
        "INSERT INTO placements (workshop_id, location_id, first_seat, last_seat, capacity) "
        "SELECT id, 2, 1, 1, 5 FROM workshops"
    )
    await listening.change("INSERT INTO pauses (text, created_by, location_id) VALUES ('power', 'x', 1)")
    await _shows(listening, {"room": 1, "paused": None})
    await listening.register()
    await _shows(listening, {"room": 0, "paused": "power"})


@pytest.mark.parametrize("query", ["", "?active=true"])
async def test_what_has_not_changed_is_not_sent_again(listening: Api, query: str) -> None:
    """The whole list and a filtered one go different ways."""
    first = await listening.http.get(LIST + query)
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"
    for named in (etag, f'"other", W/{etag}', "*"):
        again = await listening.http.get(LIST + query, headers={"If-None-Match": named})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    head = await listening.http.head(LIST + query)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", etag)
    assert head.headers["Content-Length"] == str(len(first.content))
    await listening.change("UPDATE workshops SET name = 'Another'")
    await _shows(listening, {"name": "Another"})
    changed = await listening.http.get(LIST + query, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


async def test_both_ways_to_the_list_answer_alike_and_are_counted(listening: Api) -> None:
    before = await _counted(listening)
    whole, routed = [await listening.http.get(f"{LIST}{query}") for query in ("", "?q=")]
    assert whole.content == routed.content
    routed.headers.pop("X-Request-ID")  # whoever only looks at the whole of it is not followed
    assert whole.headers == routed.headers
    assert await _counted(listening) == before + 2
    assert (await listening.http.post(LIST)).status_code == 405


async def _counted(api: Api) -> float:
    lines = (await api.http.get("/metrics")).text.splitlines()
    name = 'wod_http_request_duration_seconds_count{method="GET",route="/api/v1/workshops",status="200"}'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("active=true", 1),
        ("active=false", 0),
        ("category=open%20source", 1),
        ("category=Networks", 0),
        ("q=rest", 1),
        ("q=API&active=true", 1),
        ("q=kubernetes", 0),
    ],
)
async def test_filters_leave_out_what_does_not_match(api: Api, query: str, found: int) -> None:
    assert len((await api.http.get(f"{LIST}?{query}")).json()["items"]) == found


@pytest.mark.parametrize("query", ["q=%00", "category=%00", f"q={'x' * 201}", "active=perhaps"])
async def test_no_filter_breaks_it(api: Api, query: str) -> None:
    assert (await api.http.get(f"{LIST}?{query}")).status_code in {200, 422}


class _Reads:
    """Counts the statements that read placements."""

    def __init__(self, api: Api) -> None:
        self.count = 0
        event.listen(api.sessions.kw["bind"].sync_engine, "before_cursor_execute", self._count)

    def _count(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.count += Placement.__tablename__ in statement


async def test_an_unchanged_list_costs_the_database_nothing(listening: Api) -> None:
    await listening.http.get(LIST)
    reads = _Reads(listening)
    await listening.change("UPDATE locations SET last_heartbeat_at = now(), health = '{\"hub\": true}'")
    for _ in range(20):
        await listening.http.get(LIST)
    assert reads.count == 0


async def test_many_at_once_make_one_reading(listening: Api) -> None:
    await listening.http.get(LIST)
    before = listening.app.state.notifications.catalogue_version
    await listening.change("UPDATE workshops SET name = 'Another'")
    await _until(lambda: listening.app.state.notifications.catalogue_version != before)
    listening.app.state.catalogue._listing.read_at = float("-inf")  # its shortest life is over
    reads = _Reads(listening)
    answers = await asyncio.gather(*(listening.http.get(LIST) for _ in range(40)))
    assert {answer.json()["items"][0]["name"] for answer in answers} == {"Another"}
    assert reads.count == 1


async def test_whoever_does_not_hear_asks_the_database(listening: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its listening connection is gone and no other one can be made."""
    await _shows(listening, {"name": "API 101"})
    notifications = listening.app.state.notifications
    monkeypatch.setattr(notifications, "_url", "postgresql://nobody:x@127.0.0.1:1/none")
    await listening.change(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    )
    await _until(lambda: notifications.catalogue_version is None)
    for name in ("One", "Two"):
        await listening.change(f"UPDATE workshops SET name = '{name}'")
        [item] = (await listening.http.get(LIST)).json()["items"]
        assert item["name"] == name


async def test_a_connection_made_again_misses_nothing(listening: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await _shows(listening, {"name": "API 101"})
    notifications = listening.app.state.notifications
    url = notifications._url
    monkeypatch.setattr(notifications, "_url", "postgresql://nobody:x@127.0.0.1:1/none")
    notifications._connection.terminate()
    await _until(lambda: notifications.catalogue_version is None)
    await listening.change("UPDATE workshops SET name = 'Another'")
    monkeypatch.setattr(notifications, "_url", url)
    await _until(lambda: notifications.catalogue_version is not None)
    await _shows(listening, {"name": "Another"})

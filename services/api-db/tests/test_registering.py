import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from api_support import Api, seed_of, write_workshop
from entering_twins import AFTER_THE_ADDRESS, AFTER_THE_ROOM, halting, without_lock

from wod_api_db.commands.issuing import SEND_COMMAND
from wod_api_db.db import Job, enqueue
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.seeding import seed
from wod_api_db.settings import Settings


async def test_a_registration_brings_its_mail_its_command_and_their_jobs(api: Api) -> None:
    answer = await api.register()
    assert answer.status_code == 201
    assert answer.json()["username"] == "student1"
    assert await api.rows("SELECT template, state FROM mails") == [("welcome", "queued")]
    assert await api.rows("SELECT verb, generation, sequence FROM commands") == [("CREATE", 1, 1)]
    assert await api.rows("SELECT entrypoint FROM pgqueuer ORDER BY 1") == [("send-command",), ("send-mail",)]
    assert await api.value("SELECT state FROM students WHERE number = 1") == "assigned"


async def test_its_jobs_are_those_that_the_queue_makes_itself(api: Api) -> None:
    """They are written inside the database's function, by PgQueuer's statement with other values in it."""
    await api.register()
    mail, command = await api.value("SELECT id FROM mails"), await api.value("SELECT id FROM commands")
    everything = """
        SELECT to_jsonb(q) - '{id,created,updated,heartbeat,execute_after}'::text[], execute_after = created
        FROM pgqueuer q ORDER BY entrypoint"""
    logged = "SELECT status, entrypoint, priority FROM pgqueuer_log ORDER BY entrypoint"
    made, told = await api.rows(everything), await api.rows(logged)
    await api.change("DELETE FROM pgqueuer")
    await api.change("DELETE FROM pgqueuer_log")
    async with api.sessions.begin() as session:
        await enqueue(session, Job(SEND_MAIL, mail), Job(SEND_COMMAND, command))
    assert (made, told) == (await api.rows(everything), await api.rows(logged))


async def test_a_rollback_drops_the_job(api: Api) -> None:
    async with api.sessions() as session:
        await enqueue(session, Job("send-mail", uuid4()))
        await session.rollback()
    assert await api.value("SELECT count(*) FROM pgqueuer") == 0


async def test_the_seats_go_in_order_until_the_workshop_is_full(api: Api) -> None:
    names = [(await api.register(f"p{n}@example.org")).json().get("username") for n in range(3)]
    assert names == ["student1", "student2", "student3"]
    refused = await api.register("late@example.org")
    assert (refused.status_code, refused.json()["type"]) == (409, "workshop-full")
    assert (await api.http.get("/api/v1/workshops/WKSHP-API101")).json()["room"] == 0


async def test_one_address_holds_one_session_however_it_is_written(api: Api) -> None:
    assert (await api.register("Ada@Example.org")).status_code == 201
    again = await api.register("ada@example.ORG")
    assert (again.status_code, again.json()["type"]) == (409, "already-registered")
    assert "student" not in again.text
    templates = await api.rows("SELECT template FROM mails ORDER BY 1")
    assert templates == [("already",), ("welcome",)]
    await api.register("ada@example.org")
    assert await api.value("SELECT count(*) FROM mails") == 2


@pytest.mark.parametrize(
    "email", ["no-address", "x@mailinator.com", "12.34@gmail.com", "a b@example.org", "x@y\r\nBcc: z"]
)
async def test_a_denied_address_is_named_beside_its_field(api: Api, email: str) -> None:
    answer = await api.register(email)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "email"
    assert await api.value("SELECT count(*) FROM registrations") == 0


async def test_a_workshop_that_is_not_open_is_not_found(api: Api) -> None:
    assert (await api.register(workshop="WKSHP-Nothing")).json()["type"] == "workshop-unknown"
    await api.change("UPDATE workshops SET active = false")
    assert (await api.register()).status_code == 404


async def test_a_personal_token_opens_its_own_registration_only(api: Api) -> None:
    token = (await api.register()).json()["token"]
    assert (await api.http.get(f"/api/v1/registrations/{token}")).json()["state"] == "registered"
    assert "password" not in (await api.http.get(f"/api/v1/registrations/{token}")).text
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "2" + token[1:], "1", "x", token + "x"):
        assert (await api.http.get(f"/api/v1/registrations/{wrong}")).status_code == 404
    await api.change("UPDATE registrations SET link_nonce = 'new'")
    assert (await api.http.get(f"/api/v1/registrations/{token}")).status_code == 404


@pytest.fixture
async def wide(settings: Settings, tmp_path: Path, api: Api) -> Api:
    """Twenty at a time on a range of forty seats."""
    write_workshop(tmp_path, capacity=20, first=1, last=40)
    await seed(settings, seed_of(tmp_path))
    await api.change("UPDATE placements SET capacity = 20")
    return api


async def _rush(api: Api, people: int) -> list[int]:
    answers = await asyncio.gather(*(api.register(f"p{n}@example.org") for n in range(people)))
    return [answer.status_code for answer in answers]


async def test_two_hundred_at_once_fill_twenty_seats_and_no_more(wide: Api) -> None:
    codes = await _rush(wide, 200)
    assert (codes.count(201), codes.count(409)) == (20, 180)
    assert await wide.value("SELECT count(DISTINCT student_id) FROM registrations") == 20


async def test_without_the_lock_the_same_rush_oversells(settings: Settings, wide: Api) -> None:
    """The proof that the test above can fail: both have counted the room before one takes it."""
    await wide.change("UPDATE placements SET capacity = 1")
    await without_lock(settings)
    async with halting(settings, AFTER_THE_ROOM) as halt:
        rush = asyncio.create_task(_rush(wide, 2))
        await halt.reached(by=2)
        await halt.go_on()
        assert await rush == [201, 201]


async def test_fifty_times_the_same_address_at_once_is_one_registration(wide: Api) -> None:
    answers = await asyncio.gather(*(wide.register("ada@example.org") for _ in range(50)))
    codes = [answer.status_code for answer in answers]
    assert (codes.count(201), codes.count(409)) == (1, 49)
    assert await wide.value("SELECT count(*) FROM students WHERE state <> 'free'") == 1


async def test_without_the_index_two_of_one_address_get_in(settings: Settings, wide: Api) -> None:
    """The proof that the test above can fail: the index is the lock of an address."""
    await wide.change("DROP INDEX registrations_one_per_address")
    async with halting(settings, AFTER_THE_ADDRESS) as halt:
        both = asyncio.gather(*(wide.register("ada@example.org") for _ in range(2)))
        await halt.reached(by=2)
        await halt.go_on()
        assert [answer.status_code for answer in await both] == [201, 201]


async def test_a_hundred_for_the_last_seat(wide: Api) -> None:
    await wide.change("UPDATE students SET state = 'broken' WHERE number <> 7")
    codes = await _rush(wide, 100)
    assert (codes.count(201), codes.count(409)) == (1, 99)
    assert await wide.rows("SELECT student_id FROM registrations") == [(1007,)]

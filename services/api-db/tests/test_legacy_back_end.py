"""A back end that names no commands: what each of its reports answers, and what it cannot."""

from typing import Any

import pytest
from api_support import Api
from legacy_support import Legacy, admin, anyone

from wod_api_db.settings import Settings

STUDENT = "/student/1001"


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"legacy": True})


class BackEnd:
    """The reports on one registration and its seat."""

    def __init__(self, api: Api, caller: Legacy, identity: int) -> None:
        self.api = api
        self._caller = caller
        self._customer = f"/customer/{identity}"

    async def customer(self, **report: Any) -> dict[str, Any]:
        answer = await self._caller.put(self._customer, report)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def student(self, **report: Any) -> None:
        assert (await self._caller.put(STUDENT, report)).status_code == 200

    async def outstanding(self) -> str:
        return (await self.api.outstanding())[1]

    async def unexpected(self) -> list[str]:
        query = "SELECT data->>'field' FROM registration_events WHERE type = 'legacy-unexpected' ORDER BY id"
        return [row[0] for row in await self.api.rows(query)]

    async def stands(self) -> tuple[str, str]:
        [(state, seat)] = await self.api.rows(
            "SELECT r.state, s.state FROM registrations r JOIN students s ON s.id = 1001"
        )
        return state, seat

    async def create(self) -> None:
        await self.student(password="pass-1")
        await self.customer(active="true")

    async def end(self) -> None:
        await self._caller.put(f"/customer/unregister/{self._customer.rpartition('/')[2]}")


@pytest.fixture
async def back_end(api: Api) -> BackEnd:
    identity = (await anyone(api).register()).json()["id"]
    return BackEnd(api, await admin(api), identity)


async def test_password_then_active_completes_create(back_end: BackEnd, settings: Settings) -> None:
    await back_end.student(password="first-try")
    await back_end.student(password="pass-1")
    row = await back_end.customer(active="true")
    assert row["active"] is True
    assert await back_end.stands() == ("running", "assigned")
    sealed = await back_end.api.value("SELECT sealed_password FROM students WHERE id = 1001")
    assert settings.passwords.open(sealed) == "pass-1"
    assert await back_end.api.value("SELECT count(*) FROM mails WHERE template = 'credentials'") == 1
    assert await back_end.api.value("SELECT state FROM commands") == "done"


async def test_active_without_a_password_is_not_taken(back_end: BackEnd) -> None:
    row = await back_end.customer(active="true")
    assert row["active"] is False
    assert await back_end.unexpected() == ["active"]
    assert await back_end.outstanding() == "CREATE"


async def test_active_again_changes_nothing(back_end: BackEnd) -> None:
    await back_end.create()
    await back_end.customer(active="true")
    assert await back_end.unexpected() == []
    await back_end.customer(active="false")
    assert await back_end.unexpected() == ["active"]
    assert await back_end.stands() == ("running", "assigned")


async def test_a_password_of_a_running_lab_is_not_taken(back_end: BackEnd, settings: Settings) -> None:
    await back_end.create()
    await back_end.student(password="other")
    assert await back_end.unexpected() == ["password"]
    sealed = await back_end.api.value("SELECT sealed_password FROM students WHERE id = 1001")
    assert settings.passwords.open(sealed) == "pass-1"


async def test_the_originals_clean_up_and_purge_free_the_seat(back_end: BackEnd) -> None:
    """In the original's order: CLEANUP frees the seat itself, before it says ``cleaned``."""
    await back_end.create()
    await back_end.end()
    await back_end.student(password="a-new-one")
    await back_end.customer(completionPercentage="75")
    await back_end.student(assigned="false")
    assert await back_end.stands() == ("ended", "cleaning")
    assert await back_end.outstanding() == "CLEANUP"
    row = await back_end.customer(cleaned="true")
    assert (row["cleaned"], row["completionPercentage"], row["active"]) == (True, 75, False)
    assert await back_end.outstanding() == "PURGE"
    assert await back_end.unexpected() == ["password", "assigned"]
    await back_end.student(assigned="false", password="another")
    assert await back_end.stands() == ("ended", "free")
    assert await back_end.api.value("SELECT sealed_password FROM students WHERE id = 1001") is None
    assert await back_end.api.value("SELECT cleaned_at IS NOT NULL FROM registrations") is True


async def test_a_reset_is_answered_before_the_purge(back_end: BackEnd) -> None:
    await back_end.api.change("UPDATE workshops SET reset = true")
    await back_end.create()
    await back_end.end()
    await back_end.student(assigned="true")
    await back_end.customer(active="false")
    assert await back_end.unexpected() == []
    await back_end.customer(cleaned="true")
    assert await back_end.outstanding() == "RESET"
    await back_end.student(assigned="false")
    assert await back_end.outstanding() == "PURGE"
    await back_end.student(assigned="false")
    assert await back_end.stands() == ("ended", "free")


async def test_reports_that_answer_nothing_are_noted(back_end: BackEnd) -> None:
    await back_end.customer(cleaned="true", completionPercentage="10")
    await back_end.student(assigned="false")
    await back_end.create()
    await back_end.student(assigned="false")
    assert await back_end.unexpected() == ["completionPercentage", "cleaned", "assigned", "assigned"]
    assert await back_end.stands() == ("running", "assigned")
    assert await back_end.api.value("SELECT completion FROM registrations") is None


async def test_a_late_active_does_not_revive_a_cancelled_one(back_end: BackEnd) -> None:
    await back_end.student(password="pass-1")
    await back_end.end()
    await back_end.customer(active="true")
    assert await back_end.stands() == ("cancelled", "cleaning")
    assert await back_end.unexpected() == ["active"]
    assert await back_end.api.value("SELECT sealed_password FROM students WHERE id = 1001") is None


async def test_a_report_on_a_seat_that_nobody_has_changes_nothing(api: Api) -> None:
    caller = await admin(api)
    answer = await caller.put("/student/1002", {"password": "x", "assigned": "true"})
    assert (answer.status_code, answer.json()["assigned"]) == (200, False)
    assert await api.rows("SELECT state, sealed_password FROM students WHERE id = 1002") == [("free", None)]


async def test_no_password_is_in_the_audit_or_in_the_story(back_end: BackEnd) -> None:
    await back_end.create()
    await back_end.student(password="pass-2")
    audit = await back_end.api.rows("SELECT action, data::text FROM audit ORDER BY id")
    assert [row[0] for row in audit] == ["student.report", "registration.report", "student.report"]
    events = await back_end.api.rows("SELECT type, data::text FROM registration_events")
    assert "pass-" not in str(audit) + str(events)


async def last_email(back_end: BackEnd) -> object:
    return (await back_end.customer())["lastEmailSent"]


async def sent(back_end: BackEnd, template: str) -> None:
    await back_end.api.change("UPDATE mails SET sent_at = now() WHERE template = :name", name=template)


async def test_last_email_sent_follows_the_mails_that_have_left(back_end: BackEnd) -> None:
    assert await last_email(back_end) is None
    await sent(back_end, "welcome")
    assert await last_email(back_end) == "welcome"
    await back_end.create()
    assert await last_email(back_end) == "welcome"
    await sent(back_end, "credentials")
    assert await last_email(back_end) == "credentials"
    await back_end.end()
    assert await last_email(back_end) == "unregister"
    await back_end.customer(cleaned="true")
    await sent(back_end, "ended")
    assert await last_email(back_end) == "expired"


async def test_the_rows_have_the_originals_fields(back_end: BackEnd) -> None:
    assert set(await back_end.customer()) == {
        *("id", "name", "email", "company", "sessionName", "sessionType", "location", "proxy", "active", "cleaned"),
        *("lastEmailSent", "notebook", "hours", "startDate", "endDate", "studentId", "specialBadgeId"),
        *("completionPercentage", "createdAt", "updatedAt"),
    }
    caller = await admin(back_end.api)
    student = (await caller.get("/students/1001")).json()
    fields = {"id", "url", "username", "password", "assigned", "location", "createdAt", "updatedAt"}
    assert set(student) == fields
    assert (student["username"], student["assigned"], student["location"]) == ("student1", True, "grenoble.test")
    location = (await caller.get("/location/1")).json()
    expected = {"id": 1, "name": "grenoble.test", "basestdid": 1000, "proto": "https", "port": 443}
    assert location == expected
    [badge, *_] = (await caller.get("/special-badges")).json()
    assert set(badge) == {"id", "name", "title", "description", "badgeImg"}
    [workshop] = (await caller.get("/workshops")).json()
    assert set(workshop) == {
        *("id", "name", "notebook", "description", "capacity", "priority", "range", "reset", "varpass", "ldap"),
        *("monoappliance", "multiappliance", "beta", "sessionId", "sessionType", "location", "avatar", "role"),
        *("preRequisite", "replayLink", "active", "workshopImg", "badgeImg", "replayId", "compile", "category"),
        *("alternateLocation", "duration", "presenter", "createdAt", "updatedAt", "popular"),
    }
    assert (workshop["range"], workshop["capacity"], workshop["duration"]) == ([1, 3], 2, 2.0)

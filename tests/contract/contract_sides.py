"""The api-dbs that an agent may stand before, each with what its people and its operator see of a session."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from email.message import Message
from typing import Any
from uuid import uuid4

import httpx
from api_support import ADMIN, AGENT
from contract_installation import Installation
from original_api_db import ACCOUNT, BASESTDID, LOCATION, OriginalApiDb
from pydantic import SecretStr

from wod_backend_agent.api_client import NativeApi
from wod_backend_agent.legacy_api import LegacyApi
from wod_backend_agent.legacy_reporting import LegacyReporter
from wod_backend_agent.reporting import NativeReporter, Reporter
from wod_common.commands import Command, Verb

GATE = "wodadmin@grenoble.test"


@dataclass
class Side(ABC):
    """One workshop with one seat."""

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def reporter(self, client: httpx.AsyncClient) -> Reporter:
        """A new one, as after a start of the agent."""

    @abstractmethod
    def unknown(self, command: Command) -> Command:
        """One like it that the api-db can do nothing with."""

    @abstractmethod
    async def begin(self, person: str) -> Command:
        """Somebody registers; the CREATE."""

    @abstractmethod
    async def credentials(self, person: str) -> list[str]:
        """The texts that have told him the way in."""

    @abstractmethod
    async def end(self) -> Command:
        """The session's time is over; the CLEANUP."""

    @abstractmethod
    async def purge(self) -> Command:
        """What follows the CLEANUP."""

    @abstractmethod
    async def story(self) -> Any:
        """What has become of everybody and of the seat."""

    @abstractmethod
    async def completion(self) -> int | None: ...

    @abstractmethod
    async def seat_is_free(self) -> bool: ...


@dataclass
class OurSide(Side):
    """Our api-db, reported to in its own way or as an original is."""

    installation: Installation
    base: str
    legacy: bool

    @property
    def url(self) -> str:
        return self.base

    def reporter(self, client: httpx.AsyncClient) -> Reporter:
        account = ADMIN if self.legacy else AGENT
        given = (client, account["username"], SecretStr(account["password"]))
        return LegacyReporter(LegacyApi(*given), 1) if self.legacy else NativeReporter(NativeApi(*given))

    def unknown(self, command: Command) -> Command:
        return command.model_copy(update={"registration": 999_999} if self.legacy else {"id": uuid4()})

    async def begin(self, person: str) -> Command:
        form = {"name": "ada martin", "email": person, "company": "Corp A", "sessionName": "API 101"}
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.url}/api/customer", json=form)
        assert "studentId" in answer.json(), answer.text
        return await self._outstanding(Verb.CREATE)

    async def credentials(self, person: str) -> list[str]:
        await self.installation.work()
        return [text for text in map(text_of, self.installation.mailbox.take(person)) if "student1" in text]

    async def end(self) -> Command:
        await self.installation.execute("UPDATE registrations SET ends_at = now() WHERE state = 'running'")
        return await self._outstanding(Verb.CLEANUP)

    async def purge(self) -> Command:
        return await self._outstanding(Verb.PURGE)

    async def story(self) -> Any:
        people = "SELECT id, state, completion, cleaned_at IS NOT NULL FROM registrations ORDER BY id"
        return [
            await self.installation.execute(people),
            await self.installation.execute("SELECT state FROM students WHERE number = 1"),
            await self.installation.execute("SELECT verb, state FROM commands ORDER BY created_at"),
            await self.installation.execute("SELECT template, count(*) FROM mails GROUP BY template ORDER BY template"),
        ]

    async def completion(self) -> int | None:
        [[completion]] = await self.installation.execute("SELECT completion FROM registrations ORDER BY id LIMIT 1")
        return None if completion is None else int(completion)

    async def seat_is_free(self) -> bool:
        return await self.installation.execute("SELECT state FROM students WHERE number = 1") == [("free",)]

    async def _outstanding(self, verb: Verb) -> Command:
        await self.installation.work()
        query = (
            "SELECT c.id, c.verb, s.number AS student, c.registration_id AS registration, c.workshop, c.generation,"
            " c.sequence, c.location_id AS location FROM commands c JOIN students s ON s.id = c.student_id"
            " WHERE c.state IN ('queued', 'sent', 'accepted', 'running')"
        )
        [row] = await self.installation.execute(query)
        command = Command.model_validate(dict(row._mapping))
        assert command.verb is verb
        return command


@dataclass
class OriginalSide(Side):
    original: OriginalApiDb
    base: str

    @property
    def url(self) -> str:
        return self.base

    def reporter(self, client: httpx.AsyncClient) -> Reporter:
        return LegacyReporter(LegacyApi(client, ACCOUNT["username"], SecretStr(ACCOUNT["password"])), LOCATION)

    def unknown(self, command: Command) -> Command:
        return command.model_copy(update={"registration": 999_999})

    async def begin(self, person: str) -> Command:
        self.original.register("WKSHP-API101", person)
        await self.original.tick()
        return self._said(Verb.CREATE)

    async def credentials(self, person: str) -> list[str]:
        await self.original.tick()
        return [
            str(customer.get("shown"))
            for customer in self.original.customers.values()
            if (customer["email"], "credentials") in self.original.mailed and customer["email"] == person
        ]

    async def end(self) -> Command:
        self.original.end(max(self.original.customers))
        await self.original.tick()
        return self._said(Verb.CLEANUP)

    async def purge(self) -> Command:
        """As an original would send it that had not forgotten the number."""
        return self._command(Verb.PURGE, 1, max(self.original.customers))

    async def story(self) -> Any:
        customers = [dict(row) for row in self.original.customers.values()]
        seat = self.original.students[BASESTDID + 1]
        # what a seat's password is while nobody has it means nothing
        seen = seat["assigned"], seat["password"] if seat["assigned"] else None
        return [customers, seen, list(self.original.mailed), self.original.workshops[1]["capacity"]]

    async def completion(self) -> int | None:
        completion: int | None = self.original.customers[1]["completionPercentage"]
        return completion

    async def seat_is_free(self) -> bool:
        return self.original.students[BASESTDID + 1]["assigned"] is False

    def _said(self, verb: Verb) -> Command:
        said = [subject for subject, _ in self.original.said if subject.startswith(verb)]
        _, student, registration, *_ = said[-1].split()
        return self._command(verb, int(student), int(registration))

    def _command(self, verb: Verb, student: int, registration: int) -> Command:
        return Command(
            id=uuid4(),
            verb=verb,
            location=LOCATION,
            student=student,
            registration=registration,
            workshop="WKSHP-API101",
            authority="listed",
        )


def text_of(mail: Message) -> str:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()

"""The first release and this one at work on one database, as during an upgrade: each goes on with what the other began."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import httpx
import pytest
from api_support import AGENT, AgentDouble, Api
from locations_support import beat
from mail_support import Mailbox, listening, text_of
from process_support import environment_of, running, serving, until
from waiting_support import join, take_every_seat

from wod_api_db.settings import Settings
from wod_demo.ports import free_port


@pytest.fixture
async def mailbox(api: Api, settings: Settings) -> AsyncIterator[Mailbox]:
    """Relay and gate in one, at the port that the settings name."""
    box = Mailbox()
    await api.change("UPDATE locations SET gate_port = :port", port=settings.relay_port)
    with listening(box, settings.relay_port):
        yield box


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"relay_port": free_port()})


@dataclass
class Release:
    """One of the two, and the agent that reports to it."""

    api: Api
    agent: AgentDouble

    async def shows(self, token: str) -> dict[str, Any]:
        answer = await self.api.http.get(f"/api/v1/registrations/{token}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown


@pytest.fixture
async def before(api: Api, settings: Settings, first_release: str) -> AsyncIterator[Release]:
    """The first release's API as a process of its own, on the database that this release has migrated."""
    async with AsyncExitStack() as stack:
        environment = environment_of(settings, relay_port=settings.relay_port) | {"PYTHONPATH": first_release}
        url, _ = await stack.enter_async_context(serving(environment))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30))
        old = Api(api.app, client)
        assert "/api/v1/classes" not in (await client.get("/openapi.json")).json()["paths"]
        yield Release(old, AgentDouble(old, await old.login(AGENT)))


async def all_sent(api: Api) -> None:
    waiting = "SELECT (SELECT count(*) FROM mails WHERE state <> 'sent') + (SELECT count(*) FROM commands WHERE sent_at IS NULL)"

    async def sent() -> bool:
        return not await api.value(waiting)

    await until(sent)


async def test_a_registration_goes_on_whichever_of_them_is_asked(
    api: Api, agent: AgentDouble, settings: Settings, before: Release, mailbox: Mailbox
) -> None:
    now = Release(api, agent)
    async with running("wod_api_db.worker", environment_of(settings, relay_port=settings.relay_port)):
        for email, order in (("ada@then.test", (before, now)), ("bea@now.test", (now, before))):
            asked = cycle(order)
            answer = await next(asked).api.register(email)
            assert answer.status_code == 201, answer.text
            token = answer.json()["token"]
            other = next(asked)
            assert (await other.api.register(email)).status_code == 409
            await walk(api, asked, token, email)
            shown, known = [await release.shows(token) for release in (before, now)]
            assert shown == {name: known[name] for name in shown} | {"message": shown["message"]}
            assert (shown["state"], shown["completion"], shown["cleaned"]) == ("ended", 60, True)
            await all_sent(api)
            sent = [mail["Subject"] for mail in mailbox.to(email)]
            assert len(sent) == 4, sent  # welcome, the way to the session, credentials, ended
            assert any(f"password of {email}" in text_of(mail) for mail in mailbox.to(email))
    assert await api.rows("SELECT DISTINCT state FROM students") == [("free",)]


async def walk(api: Api, asked: "cycle[Release]", token: str, email: str) -> None:
    """Each step at the other one of the two: the lab is made, entered, left and cleaned."""
    number = 0

    async def report(kind: str, **data: Any) -> None:
        nonlocal number
        number += 1
        answer = await next(asked).agent.report(command, kind, number=number, **data)
        assert answer.status_code == 200, answer.text

    steps: list[tuple[str, dict[str, Any]]] = [
        ("CREATE", {"password": f"password of {email}"}),
        ("CLEANUP", {"completion": 60}),
        ("PURGE", {}),
    ]
    for verb, result in steps:
        command, outstanding = await api.outstanding()
        assert outstanding == verb
        await all_sent(api)
        await report("accepted")
        await report("progress", step="deliver", percent=50)
        await report("done", **result)
        if verb == "CREATE":
            await all_sent(api)
            assert await api.value("SELECT clock_started_at IS NOT NULL FROM registrations ORDER BY id DESC LIMIT 1")
            answer = await next(asked).api.http.post(f"/api/v1/registrations/{token}/end")
            assert answer.json()["state"] == "ended"


_OFFERS = "SELECT count(*) FROM mails WHERE template = 'offer'"
_PREPARES = "SELECT count(*) FROM commands WHERE verb = 'PREPARE'"


async def test_what_the_older_worker_does_not_know_waits_for_the_newer_one(
    api: Api, agent: AgentDouble, settings: Settings, first_release: str, mailbox: Mailbox
) -> None:
    """A waiting list and seats made ahead: the older one tries, fails, and harms nothing."""
    environment = environment_of(settings, relay_port=settings.relay_port)
    async with running("wod_api_db.worker", environment | {"PYTHONPATH": first_release}):
        await take_every_seat(api)
        await all_sent(api)
        await agent.finish("CREATE", password="pass-word-1")
        await join(api, "bea@example.org")
        tried = "SELECT count(*) FROM pgqueuer_log WHERE status = 'exception'"

        async def failed() -> bool:
            return bool(await api.value(tried))

        await until(failed)
        assert await api.rows("SELECT state, attempts FROM mails WHERE template = 'waiting'") == [("queued", 0)]
        await api.change("UPDATE placements SET capacity = 3, ready_minimum = 1")
        await beat(api)
        async with running("wod_api_db.worker", environment):

            async def offered_and_prepared() -> bool:
                return await api.rows(_OFFERS) == [(1,)] and await api.rows(_PREPARES) == [(1,)]

            await until(offered_and_prepared)
            await all_sent(api)
    assert [mail["Subject"].split()[0] for mail in mailbox.to("wodadmin@grenoble.test")] == ["CREATE", "PREPARE"]
    assert len(mailbox.to("holder@example.org")) == 2
    assert len(mailbox.to("bea@example.org")) == 2

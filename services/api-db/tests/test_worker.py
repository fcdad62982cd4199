"""The worker's two jobs against real SMTP servers."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from email import message_from_bytes
from email.message import Message
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from aiosmtpd.controller import Controller
from api_support import AgentDouble, Api
from pgqueuer.domain.types import QueueExecutionMode

from wod_api_db.commands.sending import CommandSender
from wod_api_db.db import make_engine, make_sessions
from wod_api_db.mail.delivering import MailSender
from wod_api_db.mail.sending import SmtpRelay
from wod_api_db.settings import Settings
from wod_api_db.worker import make_queue
from wod_common.tokens import TOKEN_HEADER, CommandVerifier
from wod_demo.ports import free_port


class Server:
    """Takes what it is told to take and keeps it."""

    def __init__(self) -> None:
        self.reply = "250 taken"
        self.messages: list[Message] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        if self.reply.startswith("250"):
            self.messages.append(message_from_bytes(envelope.content))
        return self.reply


@pytest.fixture
def smtp() -> Iterator[SimpleNamespace]:
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield SimpleNamespace(server=server, port=controller.port)
    controller.stop()


@pytest.fixture
async def reachable(api: Api, smtp: SimpleNamespace) -> Api:
    await api.change("UPDATE locations SET gate_port = :port", port=smtp.port)
    return api


def mail_sender(api: Api, settings: Settings, port: int) -> MailSender:
    return MailSender(api.sessions, settings, SmtpRelay(host="127.0.0.1", port=port))


async def test_a_command_mail_proves_what_it_says(reachable: Api, settings: Settings, smtp: SimpleNamespace) -> None:
    token = (await reachable.register()).json()["token"]
    command_id, _ = await reachable.outstanding()
    await CommandSender(reachable.sessions, settings).send(command_id)
    [mail] = smtp.server.messages
    registration = token.split("-")[0]
    assert mail["Subject"] == f"CREATE 1 {registration} ada@example.org"
    assert mail["To"] == "wodadmin@grenoble.test"
    assert mail.get_payload().strip() == "WKSHP-API101"
    keys = json.dumps(settings.signer.jwks())
    command = CommandVerifier.from_jwks(keys, 1).verify(mail[TOKEN_HEADER])
    assert (command.id, command.order, command.student) == (command_id, (1, 1), 1)
    assert await reachable.value("SELECT state FROM commands") == "sent"


@pytest.mark.parametrize(("heartbeat", "minutes"), [("now()", 2), ("NULL", 15)])
async def test_a_back_end_that_never_confirms_is_given_more_time(
    reachable: Api, settings: Settings, heartbeat: str, minutes: int
) -> None:
    await reachable.change(f"UPDATE locations SET last_heartbeat_at = {heartbeat}")
    await reachable.register()
    command_id, _ = await reachable.outstanding()
    await CommandSender(reachable.sessions, settings).send(command_id)
    assert await reachable.value("SELECT due_at - sent_at FROM commands") == timedelta(minutes=minutes)


async def test_a_gate_that_is_away_is_asked_again_later(
    reachable: Api, settings: Settings, smtp: SimpleNamespace
) -> None:
    await reachable.register()
    command_id, _ = await reachable.outstanding()
    smtp.server.reply = "451 the agent is away"
    sender = CommandSender(reachable.sessions, settings)
    await sender.send(command_id)
    assert await reachable.rows("SELECT state, attempts, due_at > now() FROM commands") == [("queued", 1, True)]
    await sender.send(command_id)
    assert await reachable.value("SELECT attempts FROM commands") == 1
    smtp.server.reply = "250 taken"
    await reachable.change("UPDATE commands SET due_at = now()")
    await sender.send(command_id)
    assert await reachable.value("SELECT state FROM commands") == "sent"


async def test_a_gate_that_refuses_fails_the_registration(
    reachable: Api, settings: Settings, smtp: SimpleNamespace
) -> None:
    await reachable.register()
    command_id, _ = await reachable.outstanding()
    smtp.server.reply = "550 no such workshop here"
    await CommandSender(reachable.sessions, settings).send(command_id)
    assert await reachable.value("SELECT state FROM registrations") == "failed"
    assert "no such workshop here" in await reachable.value("SELECT failure FROM registrations")


async def test_the_credentials_hold_the_password_and_start_the_clock(
    api: Api, agent: AgentDouble, settings: Settings, smtp: SimpleNamespace
) -> None:
    await api.register()
    await agent.finish("CREATE", password="pass-word-1")
    before = await api.value("SELECT ends_at FROM registrations")
    for (identity,) in await api.rows("SELECT id FROM mails ORDER BY created_at"):
        await mail_sender(api, settings, smtp.port).send(identity)
    [_, mail] = smtp.server.messages
    text = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    body = text.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert b"pass-word-1" in body
    assert b"student1" in body
    assert await api.value("SELECT ends_at FROM registrations") < before
    left = await api.value("SELECT ends_at - clock_started_at = duration FROM registrations")
    assert left is True


async def test_a_mail_whose_worker_died_leaves_with_the_same_message_id(
    api: Api, settings: Settings, smtp: SimpleNamespace
) -> None:
    await api.register()
    identity = await api.value("SELECT id FROM mails")
    sender = mail_sender(api, settings, smtp.port)
    claimed = await sender._claim(identity)
    assert claimed is not None
    await sender.send(identity)
    assert smtp.server.messages == []
    await api.change("UPDATE mails SET due_at = now()")
    await sender.send(identity)
    assert [mail["Message-ID"] for mail in smtp.server.messages] == [claimed.message["Message-ID"]]


async def test_a_refused_address_is_given_up_and_harms_nobody(
    api: Api, settings: Settings, smtp: SimpleNamespace
) -> None:
    await api.register()
    smtp.server.reply = "550 no such mailbox"
    await mail_sender(api, settings, smtp.port).send(await api.value("SELECT id FROM mails"))
    assert await api.rows("SELECT state, attempts FROM mails") == [("failed", 1)]
    assert await api.value("SELECT state FROM registrations") == "registered"


async def test_the_queue_runs_what_the_transaction_enqueued(
    reachable: Api, settings: Settings, smtp: SimpleNamespace
) -> None:
    await reachable.register()
    engine = make_engine(settings, pool_size=4)
    changes = settings.model_copy(update={"relay_port": smtp.port})
    connection = await asyncpg.connect(settings.plain_database_url)
    queue = make_queue(connection, make_sessions(engine), changes)
    await queue.run(mode=QueueExecutionMode.drain)
    await connection.close()
    await engine.dispose()
    assert sorted(mail["Subject"].split()[0] for mail in smtp.server.messages)[0] == "CREATE"
    assert len(smtp.server.messages) == 2
    assert await reachable.value("SELECT count(*) FROM pgqueuer") == 0


@pytest.fixture
async def served(api: Api) -> AsyncIterator[str]:
    """The same application behind a real socket: an event stream needs one."""
    server = uvicorn.Server(uvicorn.Config(api.app, port=free_port(), log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)  # poll: uvicorn's flag
    yield f"http://127.0.0.1:{server.config.port}"
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await task


async def _events(response: httpx.Response, count: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    identity = 0
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            identity = int(line[4:])
        if line.startswith("event: "):
            found.append((identity, line[7:]))
            if len(found) == count:
                break
    return found


async def test_the_story_is_streamed_as_it_happens_and_resumed_where_it_was_left(
    api: Api, agent: AgentDouble, served: str
) -> None:
    token = (await api.register()).json()["token"]
    url = f"{served}/api/v1/registrations/{token}/events"
    async with httpx.AsyncClient(timeout=10) as client:
        async with client.stream("GET", url) as response:
            reader = asyncio.create_task(_events(response, 3))
            await agent.finish("CREATE", password="x")
            story = await reader
        assert [kind for _, kind in story] == ["registered", "accepted", "running"]
        async with client.stream("GET", url, headers={"Last-Event-ID": str(story[0][0])}) as response:
            assert await _events(response, 2) == story[1:]
        assert (await client.get(f"{served}/api/v1/registrations/9-{'x' * 32}/events")).status_code == 404

"""Both ways of a command to its location, under the same rules, over real sockets."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID, uuid4

import pytest
from aiosmtpd.controller import Controller
from api_support import Api
from locations_support import Operator
from test_mail_sending import certificate, server_context

from wod_api_db.commands.sending import CommandSender
from wod_api_db.commands.transports import (
    AgentAccess,
    CommandTransport,
    Dispatch,
    PermanentSendingFailure,
    RestTransport,
    SmtpTransport,
    TemporarySendingFailure,
)
from wod_api_db.settings import Settings
from wod_common.commands import Command, Verb
from wod_common.sealing import Sealer
from wod_common.tokens import TOKEN_HEADER, CommandVerifier
from wod_demo.ports import free_port

__all__ = ["certificate"]  # a fixture

TOKEN = "agent-token-1"
Mood = Literal["takes", "later", "never"]
_REPLIES = {"takes": "250 taken", "later": "451 the agent is away", "never": "550 no such workshop here"}


class LocationDouble(Protocol):
    """The other end: in the mood it is told to be in, it keeps what it took."""

    mood: Mood
    taken: list[Command]


class GateDouble:
    """A location's gate: an SMTP server."""

    def __init__(self, settings: Settings) -> None:
        self.mood: Mood = "takes"
        self.taken: list[Command] = []
        self._verifier = CommandVerifier.from_jwks(json.dumps(settings.signer.jwks()), 1)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        if self.mood == "takes":
            mail = message_from_bytes(envelope.content)
            self.taken.append(self._verifier.verify(mail[TOKEN_HEADER]))
        return _REPLIES[self.mood]


class AgentServer:
    """A location's agent: an HTTP server with one route. ``answer`` overrules the mood."""

    def __init__(self) -> None:
        self.mood: Mood = "takes"
        self.taken: list[Command] = []
        self.requests: list[tuple[str, str | None]] = []
        self.answer: tuple[int, bytes] | None = None
        self.headers: dict[str, str] = {}

    def respond(self, path: str, authorization: str | None, body: bytes) -> tuple[int, bytes]:
        self.requests.append((path, authorization))
        command = Command.model_validate_json(body)
        if self.answer is not None:
            return self.answer
        if self.mood == "takes":
            self.taken.append(command)
            return 202, json.dumps({"id": str(command.id), "state": "accepted"}).encode()
        status = 503 if self.mood == "later" else 422
        details = {"type": "x", "title": "x", "status": status, "detail": "no such workshop here"}
        return status, json.dumps(details).encode()


@contextmanager
def serving(agent: AgentServer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = agent.respond(self.path, self.headers["Authorization"], body)
            self.send_response(status)
            for name, value in agent.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up over the certificate is what the test wants."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Road:
    """A transport, the location at its end, and a command for it."""

    def __init__(self, transport: CommandTransport, location: LocationDouble, dispatch: Dispatch) -> None:
        self.transport = transport
        self.location = location
        self.dispatch = dispatch

    async def send(self) -> None:
        await self.transport.send(self.dispatch)


def dispatch_to(settings: Settings, *, port: int = 1, url: str | None = None) -> Dispatch:
    command = Command(
        id=uuid4(),
        verb=Verb.CREATE,
        location=1,
        student=1,
        registration=7,
        workshop="WKSHP-API101",
        generation=1,
        sequence=1,
    )
    agent = AgentAccess(url, settings.agent_tokens.seal(TOKEN)) if url else None
    return Dispatch(command, 1, 7, "wodadmin@grenoble.test", "ada@example.org", "127.0.0.1", port, agent)


@pytest.fixture
def by_mail(settings: Settings) -> Iterator[Road]:
    gate = GateDouble(settings)
    controller = Controller(gate, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield Road(SmtpTransport(settings), gate, dispatch_to(settings, port=controller.port))
    controller.stop()


@pytest.fixture
def agent_server() -> AgentServer:
    return AgentServer()


@pytest.fixture
def by_rest(settings: Settings, agent_server: AgentServer) -> Iterator[Road]:
    with serving(agent_server) as url:
        yield Road(RestTransport(settings), agent_server, dispatch_to(settings, url=f"{url}/"))


@pytest.fixture(params=["by_mail", "by_rest"])
def road(request: pytest.FixtureRequest) -> Road:
    found: Road = request.getfixturevalue(request.param)
    return found


async def test_a_taken_command_arrives_whole(road: Road) -> None:
    await road.send()
    assert road.location.taken == [road.dispatch.command]


async def test_a_command_is_sent_again_under_its_id(road: Road) -> None:
    await road.send()
    await road.send()
    assert [command.id for command in road.location.taken] == [road.dispatch.command.id] * 2


async def test_a_location_that_cannot_take_it_now_is_asked_again(road: Road) -> None:
    road.location.mood = "later"
    with pytest.raises(TemporarySendingFailure):
        await road.send()
    road.location.mood = "takes"
    await road.send()
    assert len(road.location.taken) == 1


async def test_a_refusal_is_permanent_and_says_why(road: Road) -> None:
    road.location.mood = "never"
    with pytest.raises(PermanentSendingFailure, match="no such workshop here"):
        await road.send()


@pytest.mark.parametrize("transport", [SmtpTransport, RestTransport])
async def test_a_location_that_cannot_be_reached_is_asked_again(settings: Settings, transport: Any) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}" if transport is RestTransport else None
    with pytest.raises(TemporarySendingFailure):
        await transport(settings).send(dispatch_to(settings, port=port, url=url))


async def test_the_agent_is_called_with_its_token(by_rest: Road, agent_server: AgentServer) -> None:
    await by_rest.send()
    assert agent_server.requests == [("/commands", f"Bearer {TOKEN}")]
    assert TOKEN not in repr(by_rest.dispatch)


@pytest.mark.parametrize("status", [409, 422])
async def test_the_agents_no_is_permanent(by_rest: Road, agent_server: AgentServer, status: int) -> None:
    agent_server.answer = (status, b"no problem details")
    with pytest.raises(PermanentSendingFailure):
        await by_rest.send()


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"{}"),
        (202, b"taken"),
        (202, json.dumps({"id": str(uuid4()), "state": "accepted"}).encode()),
        (400, b""),
        (401, b""),
        (403, b""),
        (404, b""),
        (500, b"{"),
        (503, b"\xff"),
    ],
)
async def test_any_other_answer_is_temporary(
    by_rest: Road, agent_server: AgentServer, answer: tuple[int, bytes]
) -> None:
    agent_server.answer = answer
    with pytest.raises(TemporarySendingFailure):
        await by_rest.send()


async def test_a_redirect_does_not_get_the_token(by_rest: Road, agent_server: AgentServer) -> None:
    agent_server.answer = (307, b"")
    agent_server.headers = {"Location": "/elsewhere"}
    with pytest.raises(TemporarySendingFailure, match="307"):
        await by_rest.send()
    assert [path for path, _ in agent_server.requests] == ["/commands"]


async def test_an_agents_reason_is_made_fit_for_the_database(by_rest: Road, agent_server: AgentServer) -> None:
    details = {"type": "x", "title": "x", "status": 422, "detail": "nul \x00 and \x1b" + "x" * 9999}
    agent_server.answer = (422, json.dumps(details).encode())
    with pytest.raises(PermanentSendingFailure) as caught:
        await by_rest.send()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


async def test_a_token_that_cannot_be_opened_is_for_the_operator_to_mend(settings: Settings) -> None:
    foreign = AgentAccess("http://127.0.0.1:1", Sealer("another-secret", "agent-tokens").seal(TOKEN))
    dispatch = replace(dispatch_to(settings), agent=foreign)
    with pytest.raises(TemporarySendingFailure, match="agent_token"):
        await RestTransport(settings).send(dispatch)


async def test_an_untrusted_certificate_gets_neither_command_nor_token(
    settings: Settings, agent_server: AgentServer, certificate: Path
) -> None:
    with (
        serving(agent_server, server_context(certificate)) as url,
        pytest.raises(TemporarySendingFailure, match="certificate"),
    ):
        await RestTransport(settings).send(dispatch_to(settings, url=url))
    assert agent_server.requests == []


async def test_a_trusted_certificate_gets_them(
    settings: Settings, agent_server: AgentServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(agent_server, server_context(certificate)) as url:
        await RestTransport(settings).send(dispatch_to(settings, url=url))
    assert len(agent_server.taken) == 1


async def queued(api: Api, url: str) -> UUID:
    """A registration's CREATE for a location that takes its commands over REST."""
    operator = await Operator.of(api)
    await operator.done("PATCH", "/locations/1", {"transport": "rest", "agent_url": url, "agent_token": TOKEN})
    await api.register()
    return (await api.outstanding())[0]


async def test_a_rest_locations_commands_go_to_its_agent(
    api: Api, settings: Settings, agent_server: AgentServer
) -> None:
    with serving(agent_server) as url:
        identity = await queued(api, url)
        sender = CommandSender(api.sessions, settings)
        agent_server.mood = "later"
        await sender.send(identity)
        assert await api.rows("SELECT state, attempts, due_at > now() FROM commands") == [("queued", 1, True)]
        await api.change("UPDATE commands SET due_at = now()")
        agent_server.mood = "takes"
        await sender.send(identity)
    assert [command.id for command in agent_server.taken] == [identity]
    assert await api.value("SELECT state FROM commands") == "sent"


async def test_a_command_names_the_first_seat_of_the_range_where_it_is_now(
    api: Api, settings: Settings, agent_server: AgentServer
) -> None:
    await api.change("UPDATE placements SET first_seat = first_seat + 1")
    with serving(agent_server) as url:
        await CommandSender(api.sessions, settings).send(await queued(api, url))
    assert [command.first_seat for command in agent_server.taken] == [
        await api.value("SELECT first_seat FROM placements")
    ]


async def test_an_agent_that_refuses_fails_the_registration(
    api: Api, settings: Settings, agent_server: AgentServer
) -> None:
    agent_server.mood = "never"
    with serving(agent_server) as url:
        await CommandSender(api.sessions, settings).send(await queued(api, url))
    assert await api.value("SELECT state FROM registrations") == "failed"
    assert "no such workshop here" in await api.value("SELECT failure FROM registrations")

"""The ways of a command to its location: a mail to its gate, or a call to its agent."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cached_property
from http import HTTPStatus
from typing import Protocol

import httpx
from pydantic import ValidationError

from wod_api_db.mail.sending import PermanentMailFailure, Relay, SmtpRelay, TemporaryMailFailure
from wod_api_db.settings import Settings
from wod_common.commands import Command, CommandReceipt, Verb
from wod_common.problems import ProblemDetails
from wod_common.sealing import CannotOpen
from wod_common.tokens import TOKEN_HEADER

#: connection, TLS and answer together: a worker's job must not hang on a silent agent
TIMEOUT_SECONDS = 10.0
REASON_LENGTH = 500


@dataclass(frozen=True)
class AgentAccess:
    """The token stays sealed until it is sent."""

    url: str
    sealed_token: str


@dataclass(frozen=True)
class Dispatch:
    """A claimed command, free of the database. With ``agent`` it goes there, otherwise to the gate."""

    command: Command
    attempts: int
    registration_id: int | None
    recipient: str
    email: str
    host: str
    port: int
    agent: AgentAccess | None = None


class TemporarySendingFailure(Exception):
    """Not now: the same command may pass later."""


class PermanentSendingFailure(Exception):
    """Never: the location refused the command itself."""


class CommandTransport(Protocol):
    """When ``send`` returns, the location has taken the command or has said that it is superseded."""

    async def send(self, dispatch: Dispatch) -> None:
        """Raises TemporarySendingFailure or PermanentSendingFailure."""


def build_mail(dispatch: Dispatch, settings: Settings) -> EmailMessage:
    """The command as a mail with a token of this minute; CREATE alone names the person's address."""
    command = dispatch.command
    seats = f"{command.student},{command.last}" if command.last else str(command.student)
    words = [command.verb, seats, str(command.registration or 0)]
    if command.verb is Verb.CREATE and dispatch.email.isascii():
        words.append(dispatch.email)
    mail = EmailMessage(policy=SMTP.clone(max_line_length=998))
    mail["From"] = settings.mail_sender
    mail["To"] = dispatch.recipient
    mail["Subject"] = " ".join(words)
    mail["Message-ID"] = f"<{command.id}@workshops-on-demand>"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Auto-Submitted"] = "auto-generated"
    mail[TOKEN_HEADER] = settings.signer.sign(command)
    mail.set_content(f"{command.workshop}\n")
    return mail


@dataclass(frozen=True)
class SmtpTransport:
    """A mail to the location's gate, as in the original. ``relay_to`` makes the way to a host's port."""

    settings: Settings
    relay_to: Callable[[str, int], Relay] = SmtpRelay

    async def send(self, dispatch: Dispatch) -> None:
        relay = self.relay_to(dispatch.host, dispatch.port)
        try:
            await relay.send(build_mail(dispatch, self.settings), self.settings.mail_sender, dispatch.recipient)
        except TemporaryMailFailure as error:
            raise TemporarySendingFailure(f"the gate of the location did not take it: {error}") from error
        except PermanentMailFailure as error:
            raise PermanentSendingFailure(f"the gate of the location refused it: {error}") from error


@dataclass(frozen=True)
class RestTransport:
    """``POST /commands`` at the location's agent, which answers the same id again with the same.

    Redirects are not followed and the environment's proxies not asked: either would see the token.
    """

    settings: Settings

    async def send(self, dispatch: Dispatch) -> None:
        assert dispatch.agent is not None
        body = dispatch.command.model_dump(mode="json", exclude_none=True)
        headers = {"Authorization": f"Bearer {self._open(dispatch.agent)}"}
        url = f"{dispatch.agent.url.rstrip('/')}/commands"
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, verify=self._trusted) as http,
            ):
                response = await http.post(url, json=body, headers=headers)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise TemporarySendingFailure(f"the agent at {dispatch.agent.url} cannot be reached: {reason}") from error
        _judge(response, dispatch.command)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """The system's authorities, as for the mails; ``SSL_CERT_FILE`` names others."""
        return ssl.create_default_context()

    def _open(self, agent: AgentAccess) -> str:
        try:
            return self.settings.agent_tokens.open(agent.sealed_token)
        except CannotOpen as error:
            raise TemporarySendingFailure(
                f"the token of the agent at {agent.url} cannot be read: {error}; set the location's agent_token anew"
            ) from error


def _judge(response: httpx.Response, command: Command) -> None:
    if response.status_code in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}:
        raise PermanentSendingFailure(f"the agent of the location refused it: {_reason(response)}")
    if response.status_code != HTTPStatus.ACCEPTED:
        raise TemporarySendingFailure(f"the agent answered {response.status_code}: {_reason(response)}")
    try:
        receipt = CommandReceipt.model_validate_json(response.content)
    except ValidationError as error:
        raise TemporarySendingFailure("the agent's answer 202 makes no sense") from error
    if receipt.id != command.id:
        raise TemporarySendingFailure(f"the agent answered for another command, {receipt.id}")


def _reason(response: httpx.Response) -> str:
    """What the agent gave as its reason, on one line that the database takes."""
    try:
        reason = ProblemDetails.model_validate_json(response.content).detail
    except ValidationError:
        reason = response.reason_phrase
    return "".join(letter if letter.isprintable() else " " for letter in reason[:REASON_LENGTH])

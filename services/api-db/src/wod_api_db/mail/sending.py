"""Handing a message to an SMTP server: the relay for visitors' mails, a location's gate for commands."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from typing import Literal, Protocol

import aiosmtplib
from pydantic import SecretStr

#: Connection, greeting, TLS, login and message together: a worker's job must not hang on a silent server.
TIMEOUT_SECONDS = 10.0
GOODBYE_SECONDS = 1.0

#: For messages with a long word in a header, such as a token: the usual 78 columns would turn it into encoded-words.
#: 998 is the limit of RFC 5322.
LONG_HEADERS = policy.SMTP.clone(cte_type="7bit", max_line_length=998)


class MailFailure(Exception):
    """``reply`` is what the server said, or what kept us from hearing it."""

    def __init__(self, reply: str, code: int | None = None) -> None:
        super().__init__(f"{code} {reply}" if code else reply)
        self.reply = reply
        self.code = code


class TemporaryMailFailure(MailFailure):
    """Not now: the same message may pass later. ``code`` is None where the server said nothing."""


class PermanentMailFailure(MailFailure):
    """Never: the server refused the sender, the recipient or the message with a 5xx."""


class Relay(Protocol):
    """Where mails are handed over. When ``send`` returns, the other side has taken the message."""

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Raises TemporaryMailFailure or PermanentMailFailure."""


@dataclass(frozen=True)
class SmtpRelay:
    """A relay over SMTP, one connection a message.

    ``tls`` is ``tls`` from the first byte, ``starttls`` (refused where the server lacks it), or ``none``.
    """

    host: str
    port: int
    username: str | None = None
    password: SecretStr | None = None
    tls: Literal["none", "starttls", "tls"] = "none"
    timeout: float = TIMEOUT_SECONDS

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """The message is flattened by its own policy, with CRLF."""
        data = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
        client = self._client()
        try:
            async with asyncio.timeout(self.timeout):
                with _faults_before_the_message():
                    await client.connect()
                with _answers_to_the_message():
                    options = await _report_options(client, message)
                    await client.sendmail(sender, [recipient], data, mail_options=options)
        except TimeoutError as error:
            raise TemporaryMailFailure(f"{self.host}:{self.port} did not answer within {self.timeout:g} s") from error
        else:
            await _say_goodbye(client)
        finally:
            client.close()

    async def greet(self) -> None:
        """Connects and logs in as for a message, and sends none. Raises TemporaryMailFailure or PermanentMailFailure."""
        client = self._client()
        try:
            async with asyncio.timeout(self.timeout):
                with _faults_before_the_message():
                    await client.connect()
        except TimeoutError as error:
            raise TemporaryMailFailure(f"{self.host}:{self.port} did not answer within {self.timeout:g} s") from error
        else:
            await _say_goodbye(client)
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password.get_secret_value() if self.password else None,
            use_tls=self.tls == "tls",
            start_tls=self.tls == "starttls",
            timeout=self.timeout,
        )


async def _report_options(client: aiosmtplib.SMTP, message: EmailMessage) -> list[str]:
    """Where the server knows RFC 3461: a report names the mail, and returns its headers only, not the password in it."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:  # an old server; sendmail says HELO then
        return []
    if not client.supports_extension("dsn"):
        return []
    return ["RET=HDRS", f"ENVID={str(message['Message-ID']).strip('<> ')}"]


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """The message is taken: whatever happens now must not have it sent again."""
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=GOODBYE_SECONDS)


@contextmanager
def _faults_before_the_message() -> Iterator[None]:
    """A refused connection or login says nothing about the message, so even a 5xx is temporary: the operator mends it."""
    try:
        yield
    except aiosmtplib.SMTPResponseException as error:
        raise TemporaryMailFailure(error.message, error.code) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TemporaryMailFailure(str(error)) from error


@contextmanager
def _answers_to_the_message() -> Iterator[None]:
    try:
        yield
    except aiosmtplib.SMTPRecipientsRefused as refused:
        raise _judged(refused.recipients[0]) from refused
    except aiosmtplib.SMTPResponseException as error:
        raise _judged(error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TemporaryMailFailure(str(error)) from error


def _judged(error: aiosmtplib.SMTPResponseException) -> MailFailure:
    failure = PermanentMailFailure if error.code >= 500 else TemporaryMailFailure
    return failure(error.message, error.code)

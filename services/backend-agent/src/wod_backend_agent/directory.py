"""The location's LDAP directory: the passwords of seats whose workshop asks for it."""

# ldap3 is annotated in part
# mypy: disallow-untyped-calls=False

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import ldap3
from ldap3.core.exceptions import (
    LDAPBusyResult,
    LDAPCommunicationError,
    LDAPException,
    LDAPNoSuchObjectResult,
    LDAPUnavailableResult,
)
from ldap3.utils.dn import parse_dn
from pydantic import SecretStr
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from wod_backend_agent.delivery.base import DeliveryFailed, Seat

#: A directory that is restarted is back within these; a command must not fail for that.
PATIENCE_SECONDS = 30.0
CALL_SECONDS = 10


class DirectoryFailed(DeliveryFailed):
    """The directory did not take a password; the message says why, and the command may be sent again."""


class Directory(Protocol):
    """Raises DirectoryFailed."""

    async def set_password(self, seat: Seat, password: str) -> None:
        """The seat's entry is made where it is missing."""

    async def replace_password(self, seat: Seat, password: str) -> None:
        """As ``set_password``, but a seat without an entry stays without one."""


@dataclass(frozen=True)
class LdapServer:
    """``user_dn`` names a seat's entry, with ``{username}`` or ``{number}`` in it."""

    url: str
    bind_dn: str
    password: SecretStr
    user_dn: str
    starttls: bool = True
    #: instead of the system's authorities
    ca: Path | None = None

    def dn(self, seat: Seat) -> str:
        return self.user_dn.format(username=seat.username, number=seat.number)


class LdapDirectory:
    """Passwords are set by the operation made for it (RFC 3062), so that the directory hashes them as it hashes others."""

    def __init__(self, server: LdapServer, patience: float = PATIENCE_SECONDS) -> None:
        self._server = server
        self._patience = patience

    async def set_password(self, seat: Seat, password: str) -> None:
        await self._patiently(seat, password, makes_entry=True)

    async def replace_password(self, seat: Seat, password: str) -> None:
        await self._patiently(seat, password, makes_entry=False)

    async def _patiently(self, seat: Seat, password: str, *, makes_entry: bool) -> None:
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type((LDAPCommunicationError, LDAPBusyResult, LDAPUnavailableResult)),
                wait=wait_exponential(multiplier=0.2, max=5),
                stop=stop_after_delay(self._patience),
                reraise=True,
            ):
                with attempt:
                    await asyncio.to_thread(self._set, seat, password, makes_entry)
        except (LDAPException, OSError) as error:
            raise DirectoryFailed(
                f"the directory {self._server.url} did not take the password of {self._server.dn(seat)}: "
                f"{str(error).strip() or type(error).__name__}; mend it and send the command again"
            ) from None

    def _set(self, seat: Seat, password: str, makes_entry: bool) -> None:
        dn = self._server.dn(seat)
        with self._connection() as connection:
            try:
                connection.extend.standard.modify_password(dn, new_password=password)
            except LDAPNoSuchObjectResult:
                if not makes_entry:
                    return
                connection.add(dn, "inetOrgPerson", _attributes(dn, seat))
                connection.extend.standard.modify_password(dn, new_password=password)

    @contextmanager
    def _connection(self) -> Iterator[ldap3.Connection]:
        given = self._server
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(given.ca) if given.ca else None)
        server = ldap3.Server(given.url, tls=tls, connect_timeout=CALL_SECONDS, get_info=ldap3.NONE)
        secret = given.password.get_secret_value()
        connection = ldap3.Connection(
            server, given.bind_dn, secret, receive_timeout=CALL_SECONDS, raise_exceptions=True
        )
        try:
            connection.open()
            if given.starttls and not server.ssl:
                connection.start_tls()
            connection.bind()
            yield connection
        finally:
            _close(connection)


def _close(connection: ldap3.Connection) -> None:
    with suppress(LDAPException, OSError):
        connection.unbind()
    # what failed while it was being encrypted is left open
    if connection.socket:
        connection.socket.close()


def _attributes(dn: str, seat: Seat) -> dict[str, str]:
    """The fewest that a person's entry has to have, and what names it."""
    name, value, _ = parse_dn(dn)[0]
    return {"cn": seat.username, "sn": seat.username, name: value}

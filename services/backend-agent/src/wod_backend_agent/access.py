"""Where a seat's password is besides the hub: the Linux account, a directory, the seat's vaulted variables."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol
from uuid import UUID

from wod_backend_agent.delivery.base import DeliveryFailed, Seat
from wod_backend_agent.directory import Directory
from wod_backend_agent.manifest import FILE as MANIFEST
from wod_backend_agent.manifest import MalformedManifest, Manifest, read_manifest
from wod_backend_agent.passwords import new_password
from wod_backend_agent.trees import Trees

Lock = Callable[[UUID, Seat], Awaitable[None]]


class PasswordKeeper(Protocol):
    """Where other playbooks find the seat's password. Calls block, and raise DeliveryFailed."""

    def keep_password(self, student: int, password: str) -> None: ...

    def forget_password(self, student: int) -> None: ...


class Access(Protocol):
    """Every call is repeatable, and raises DeliveryFailed, with the way out."""

    async def open(self, run: UUID, seat: Seat, workshop: str, password: str) -> None:
        """Puts the password of a CREATE wherever the workshop wants it."""

    async def lock(self, run: UUID, seat: Seat) -> None:
        """Nobody gets in by way of the host, and nobody is in; what the seat holds is not touched."""

    async def shut(self, run: UUID, seat: Seat, workshop: str | None) -> None:
        """The password that was put anywhere is nobody's; also of a workshop that is not known."""


class HubAlone:
    """Seats that are folders, with a password for the hub and nothing else."""

    async def open(self, run: UUID, seat: Seat, workshop: str, password: str) -> None:
        return

    async def lock(self, run: UUID, seat: Seat) -> None:
        return

    async def shut(self, run: UUID, seat: Seat, workshop: str | None) -> None:
        return


class HostAccess:
    """``marks`` remembers the seats that have a password in the directory, whatever ``wod.yml`` says when they are cleaned."""

    def __init__(
        self, trees: Trees, lock: Lock, marks: Path, directory: Directory | None, variables: PasswordKeeper | None
    ) -> None:
        self._trees = trees
        self._lock = lock
        self._marks = marks
        self._directory = directory
        self._variables = variables

    async def open(self, run: UUID, seat: Seat, workshop: str, password: str) -> None:
        manifest = self._manifest(workshop)
        if manifest.ldap:
            if self._directory is None:
                raise DeliveryFailed(
                    f"{workshop} wants the password in a directory (ldap in {MANIFEST}), and this location has none: "
                    f"set WOD_AGENT_LDAP_URL and its companions, or write ldap: false"
                )
            # before the password is there: a crash in between must not leave it unknown
            self._mark(seat).touch(0o600)
            await self._directory.set_password(seat, password)
        if manifest.varpass and self._variables:
            await asyncio.to_thread(self._variables.keep_password, seat.number, password)

    async def lock(self, run: UUID, seat: Seat) -> None:
        await self._lock(run, seat)

    async def shut(self, run: UUID, seat: Seat, workshop: str | None) -> None:
        directory, mark = self._directory, self._mark(seat)
        if directory is None and mark.exists():
            raise DeliveryFailed(
                f"the password of {seat.username} is in a directory that is configured no more: set WOD_AGENT_LDAP_URL "
                f"again, or change it there by hand and remove {mark}"
            )
        if directory and (mark.exists() or (workshop and self._wants_directory(workshop))):
            # the directory may be away, and this command fail, before the seat's account is reached
            await self.lock(run, seat)
            await directory.replace_password(seat, new_password())
            mark.unlink(missing_ok=True)
        if self._variables:
            await asyncio.to_thread(self._variables.forget_password, seat.number)

    def _mark(self, seat: Seat) -> Path:
        return self._marks / seat.username

    def _wants_directory(self, workshop: str) -> bool:
        """Of a workshop that is gone or broken since, the mark alone says."""
        try:
            return self._manifest(workshop).ldap
        except DeliveryFailed:
            return False

    def _manifest(self, workshop: str) -> Manifest:
        content = self._trees.workshop(workshop)
        try:
            return read_manifest(content) if content else Manifest()
        except (MalformedManifest, OSError) as error:
            raise DeliveryFailed(f"{workshop}: {error}") from None

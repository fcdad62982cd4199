"""Seats that are made ahead: handed over where nothing has changed since, and compared with what they should be."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from uuid import UUID

from wod_backend_agent.content_versions import ContentVersions
from wod_backend_agent.delivery.base import Delivery, DeliveryFailed, Seat
from wod_backend_agent.delivery.inspection import Inspecting, SeatContents
from wod_backend_agent.hub import Hub
from wod_backend_agent.journal import Journal
from wod_backend_agent.journal_prepared import PreparedSeat
from wod_common.commands import Command
from wod_common.events import MOST_DIFFERENCES


class PreparedSeats:
    """Everything here is asked by the seat's one run."""

    def __init__(
        self,
        journal: Journal,
        delivery: Delivery,
        hub: Hub,
        versions: ContentVersions,
        seat: Callable[[int], Seat],
    ) -> None:
        self._journal = journal
        self._delivery = delivery
        self._hub = hub
        self._versions = versions
        self._seat = seat

    async def version(self, command: Command) -> str:
        """Of what a delivery would read now. Raises DeliveryFailed."""
        return await asyncio.to_thread(self._versions.of, command.workshop, command.student, command.first_seat)

    def admit(self) -> Inspecting:
        """Raises DeliveryFailed where nothing can be made ahead, or looked into."""
        if not isinstance(self._delivery, Inspecting):
            raise DeliveryFailed("this location's delivery cannot look into a seat that nobody uses, nor prepare one")
        return self._delivery

    async def hand_over(self, command: Command, began: float) -> bool | None:
        """None where there is nothing to hand over; else whether the command had not been superseded."""
        prepared = await self._journal.prepared(command.student)
        if prepared is None or command.order is None or not await self._fits(prepared, command):
            return None
        return await self._journal.hand_over(command, prepared, time.monotonic() - began)

    async def _fits(self, prepared: PreparedSeat, command: Command) -> bool:
        if not prepared.version or prepared.workshop != command.workshop:
            return False
        return prepared.version == await self.version(command)

    async def finish(self, command: Command, version: str, password_hash: str, began: float) -> bool:
        """What was delivered is noted. Raises DeliveryFailed where the content has changed under the delivery."""
        contents = await self._contents(command.id, command.student)
        if await self.version(command) != version:
            raise DeliveryFailed(f"the content of {command.workshop} was changed while it was being delivered")
        seconds = time.monotonic() - began
        return await self._journal.finish_prepare(command, version, contents.files, password_hash, seconds)

    async def verify(self, command: Command, began: float) -> bool:
        """Reports what differs from a seat that is free, or prepared, as the journal has it."""
        prepared = await self._journal.prepared(command.student)
        version = prepared.version if prepared and prepared.version else None
        found = [*await self._open_doors(command.student), *await self._inside(command, prepared)]
        differences = [one[:300] for one in islice(found, MOST_DIFFERENCES)]
        return await self._journal.finish_verification(command, differences, version, time.monotonic() - began)

    async def _open_doors(self, student: int) -> list[str]:
        record = await self._journal.seat(student)
        found = []
        if record.holder is not None:
            found.append(f"registration {record.holder} holds the seat")
        if await self._journal.password_hash(student) is not None or student in await self._journal.deployed():
            found.append("somebody can log in")
        if await self._hub.runs_server(self._seat(student).username):
            found.append("a notebook server runs")
        return found

    async def _inside(self, command: Command, prepared: PreparedSeat | None) -> list[str]:
        contents = await self._contents(command.id, command.student)
        found = [f"{contents.processes} processes of the seat run"] if contents.processes else []
        if prepared is None:
            return [*found, *(f"the home is not empty: {path}" for path in contents.files)]
        if not prepared.version:
            return [*found, f"{prepared.workshop} was not prepared to its end"]
        if not await self._is_current(prepared, command):
            found.append(f"the content of {prepared.workshop} has changed since it was delivered")
        return [*found, *_differing(prepared.files, contents.files)]

    async def _is_current(self, prepared: PreparedSeat, command: Command) -> bool:
        try:
            return prepared.version == await self.version(command.model_copy(update={"workshop": prepared.workshop}))
        except DeliveryFailed:
            return False

    async def _contents(self, run: UUID, student: int) -> SeatContents:
        return await self.admit().inspect(run, self._seat(student))


def _differing(delivered: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(delivered.keys() | found.keys()):
        if path not in found:
            yield f"missing: {path}"
        elif path not in delivered:
            yield f"not delivered: {path}"
        elif delivered[path] != found[path]:
            yield f"changed: {path}"

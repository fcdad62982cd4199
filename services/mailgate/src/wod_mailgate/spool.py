"""Commands of peers that cannot hear an answer: kept on the disk until the agent has taken or refused them."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog
from prometheus_client import Gauge

from wod_common.commands import Command
from wod_mailgate.agent import Agents
from wod_mailgate.replies import Refused, Unavailable
from wod_mailgate.spool_files import Entry, SpoolFiles

#: the whole life of a thousand seats while the agent is away; a file is below a kilobyte
SPOOL_FILES = 5000
#: between two tries of one command, the last one for ever after
GAPS_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
#: tried at once, each of them for other seats
_PARALLEL = 8

_log = structlog.get_logger(__name__)
_SPOOLED = Gauge("wod_mailgate_spooled", "Commands in the spool, not yet taken by the agent")
_OLDEST = Gauge("wod_mailgate_spool_oldest_seconds", "Age of the oldest command in the spool; 0 where it is empty")
_REFUSED = Gauge(
    "wod_mailgate_spool_refused", "Spooled commands that the agent refused for good, kept for the operator"
)


class SpoolFull(Unavailable):
    """Nothing more is taken in before the agent has taken some."""


@dataclass(eq=False)
class _Item:
    name: str
    entry: Entry
    #: set once it is on the disk; it holds its place in the order before that
    kept: asyncio.Event = field(default_factory=asyncio.Event)
    #: why it could not be
    lost: str | None = None
    tries: int = 0
    due: float = 0.0

    @property
    def location(self) -> int:
        return self.entry.command.location

    @property
    def students(self) -> range:
        return self.entry.command.students

    def concerns(self, command: Command) -> bool:
        return self.location == command.location and _overlap(self.students, command.students)


@dataclass
class Spool:
    """Delivers in order of arrival per seat; the range of a RESET stands in line for each of its seats."""

    files: SpoolFiles
    agents: Agents
    _items: dict[UUID, _Item] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _worker: asyncio.Task[None] | None = None
    _refused: int = 0

    async def start(self) -> None:
        """Goes on where the gate before this one has stopped. Raises StateInUse, OSError."""
        for name, entry in (await asyncio.to_thread(self.files.open)).items():
            item = _Item(name, entry)
            item.kept.set()
            self._items[entry.command.id] = item
        self._refused = await asyncio.to_thread(self.files.count_refused)
        _SPOOLED.set_function(lambda: len(self._items))
        _OLDEST.set_function(self.oldest_seconds)
        _REFUSED.set_function(lambda: self._refused)
        if self._items:
            _log.warning("spooled commands found", commands=len(self._items))
        self._worker = asyncio.create_task(self._deliver())

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        self.files.close()

    async def add(self, command: Command, peer: str) -> None:
        """Returns once the command is on the disk; one that is there already stays where it is. Raises Unavailable."""
        known = self._items.get(command.id)
        if known is not None:
            await _kept(known)
            return
        if len(self._items) >= SPOOL_FILES:
            raise SpoolFull(f"the spool is full ({SPOOL_FILES} commands): the agent has to take some first")
        # its place in line is taken before anything is awaited
        item = _Item(self.files.name(command), Entry(command=command, peer=peer, received=datetime.now(UTC)))
        self._items[command.id] = item
        try:
            await asyncio.to_thread(self.files.write, item.name, item.entry)
        except OSError as error:
            del self._items[command.id]
            item.lost = f"the command cannot be spooled ({error.strerror})"
        item.kept.set()
        self._news.set()
        await _kept(item)

    def holds(self, command: Command) -> bool:
        """Whether an earlier command for one of its seats still waits here."""
        return any(item.concerns(command) for item in self._items.values())

    def oldest_seconds(self) -> float:
        oldest = next(iter(self._items.values()), None)
        return max(time.time() - oldest.entry.received.timestamp(), 0.0) if oldest else 0.0

    async def check(self) -> str:
        if self._worker is None or self._worker.done():
            raise RuntimeError("the spool is not being delivered")
        return f"{len(self._items)} waiting, {self._refused} refused"

    async def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            heads = list(self._heads())
            due = [item for item in heads if item.due <= loop.time()][:_PARALLEL]
            if due:
                await asyncio.gather(*map(self._try, due))
                continue
            next_due = min((item.due for item in heads), default=None)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_due):
                    await self._news.wait()

    def _heads(self) -> Iterator[_Item]:
        """Those with nothing earlier in line for any of their seats."""
        seats: set[tuple[int, int]] = set()
        ranges: list[_Item] = []
        for item in self._items.values():
            place, wanted = item.location, item.students
            single = len(wanted) == 1
            taken = (
                (place, wanted.start) in seats
                if single
                else any(location == place and seat in wanted for location, seat in seats)
            )
            if not taken and not any(one.concerns(item.entry.command) for one in ranges) and item.kept.is_set():
                yield item
            if single:
                seats.add((place, wanted.start))
            else:
                ranges.append(item)

    async def _try(self, item: _Item) -> None:
        command = item.entry.command
        try:
            receipt = await self.agents.send(command)
        except Refused as refused:
            await self._settle(item, str(refused))
        except Unavailable as unavailable:
            self._postpone(item, str(unavailable))
        except Exception:  # noqa: BLE001 - the edge: one command that cannot be sent must not stop the others
            _log.exception("spooled command not sent", command=str(command.id))
            self._postpone(item, "the gate failed")
        else:
            _log.info("spooled command taken", **_facts(item), state=receipt.state)
            await self._settle(item)

    async def _settle(self, item: _Item, reason: str | None = None) -> None:
        try:
            if reason is None:
                await asyncio.to_thread(self.files.remove, item.name)
            else:
                await asyncio.to_thread(self.files.set_aside, item.name, item.entry, reason)
        except OSError as error:
            # sent again, which harms nothing: the agent knows the id
            self._postpone(item, f"the spool cannot be written ({error.strerror})")
            return
        del self._items[item.entry.command.id]
        if reason is not None:
            self._refused = await asyncio.to_thread(self.files.count_refused)
            _log.error("spooled command refused", **_facts(item), reason=reason, kept=str(self.files.refused))

    def _postpone(self, item: _Item, reason: str) -> None:
        gap = GAPS_SECONDS[min(item.tries, len(GAPS_SECONDS) - 1)]
        item.tries += 1
        item.due = asyncio.get_running_loop().time() + gap
        _log.warning("spooled command waits", **_facts(item), reason=reason, tries=item.tries, seconds=gap)


async def _kept(item: _Item) -> None:
    await item.kept.wait()
    if item.lost is not None:
        raise Unavailable(item.lost)


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _facts(item: _Item) -> dict[str, object]:
    command = item.entry.command
    facts = {"peer": item.entry.peer, "verb": command.verb.value, "command": str(command.id)}
    return facts | {"student": command.student, "registration": command.registration}

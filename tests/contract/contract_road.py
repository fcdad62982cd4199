"""The road between an agent and an api-db, with all that can befall a request on it; and an agent's reporting half."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from contract_sides import Side
from pydantic import SecretStr

from wod_backend_agent.journal import Journal
from wod_backend_agent.reporting import Outbox, Refused, Reporter
from wod_common.commands import Command, Verb
from wod_common.events import EventType
from wod_common.sealing import Sealer

SEALER = Sealer("what seals the journal", "agent-journal")
PASSWORD = "the-seat's-own-password"
MISFORTUNES = (
    "unreachable", "hung up", "answer lost", "slow", "401", "403", "429", "500", "502", "503", "504", "400", "page", "moved",
)  # fmt: skip
_PAGE = b"<!DOCTYPE html><title>Starting</title>"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:  # poll: other tasks and services work on
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - rows have no event
            await asyncio.sleep(0.01)


@dataclass
class Road(httpx.AsyncBaseTransport):
    """Every request meets each of ``plan`` once before it comes through; said again it comes through at once."""

    plan: Sequence[str] = ()
    away: bool = False
    #: so many requests arrive, and the last one's answer is lost
    lasts: int | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    _met: Counter[tuple[str, str]] = field(default_factory=Counter)
    _real: httpx.AsyncHTTPTransport = field(default_factory=httpx.AsyncHTTPTransport)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        what = request.method, request.url.path
        self.requests.append(what)
        if self.away or (self.lasts is not None and len(self.requests) > self.lasts):
            raise httpx.ConnectError("nobody there")
        if len(self.requests) == self.lasts:
            return await self._play("answer lost", request)
        met = self._met[what]
        self._met[what] += 1
        if met < len(self.plan):
            return await self._play(self.plan[met], request)
        return await self._real.handle_async_request(request)

    async def is_over(self) -> bool:
        return self.lasts is not None and len(self.requests) > self.lasts

    async def _play(self, misfortune: str, request: httpx.Request) -> httpx.Response:
        match misfortune:
            case "unreachable":
                raise httpx.ConnectError("nobody there")
            case "hung up":
                raise httpx.RemoteProtocolError("gone")
            case "answer lost" | "slow":
                await (await self._real.handle_async_request(request)).aread()
                raise httpx.ReadTimeout("late") if misfortune == "slow" else httpx.ReadError("reset")
            case "page":
                return httpx.Response(200, content=_PAGE)
            case "moved":
                return httpx.Response(302, headers={"Location": "https://elsewhere.example/"}, content=_PAGE)
            case "400":
                return httpx.Response(400, json={"error": {}})
        return httpx.Response(int(misfortune), content=_PAGE)

    async def aclose(self) -> None:
        await self._real.aclose()


class Reporting:
    """What of an agent reports: its journal and its outbox."""

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self.reporter = reporter
        self.journal = Journal(folder / "journal.sqlite", self._changed)
        self.outbox = Outbox(self.journal, reporter, SEALER)

    def _changed(self, command: UUID) -> None:
        self.outbox.wake(command)

    async def run(self, command: Command) -> None:
        """From its acceptance to its end, as far as a report tells it; returns before they are taken."""
        await self.journal.accept(command, SEALER.seal(PASSWORD) if command.verb is Verb.CREATE else None)
        await self.journal.begin(command.id)
        self.journal.note(command.id, "step", 40, "Something is done", 0.5)
        if command.verb is Verb.CREATE:
            await self.journal.finish_create(command, "a hash", 1.0)
        else:
            await self.journal.finish_cleaning(command, 75 if command.verb is Verb.CLEANUP else None, 1.0)

    async def do(self, command: Command) -> None:
        await self.run(command)
        await self.told()

    async def told(self) -> None:
        await until(self.has_told)

    async def has_told(self) -> bool:
        return not await self.journal.unreported()

    async def tell_again(self, *commands: Command) -> None:
        """Every report of theirs, as if none had been acknowledged."""
        for command in commands:
            for event in await self.journal.events(command.id):
                opens = command.verb is Verb.CREATE and event.type is EventType.DONE
                password = {"password": SecretStr(PASSWORD)} if opens else {}
                with suppress(Refused):
                    await self.reporter.report(command, event.model_copy(update=password))


@asynccontextmanager
async def reporting(folder: Path, side: Side, road: Road) -> AsyncIterator[Reporting]:
    """On the journal that an earlier one has left in the folder."""
    async with httpx.AsyncClient(base_url=side.url, transport=road) as client:
        parts = Reporting(folder, side.reporter(client))
        await parts.outbox.resume()
        try:
            yield parts
        finally:
            await parts.outbox.stop()
            parts.journal.close()

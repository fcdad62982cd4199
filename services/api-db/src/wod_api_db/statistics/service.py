"""Puts the statistics together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.ready.figures import figures
from wod_api_db.statistics import repository
from wod_api_db.statistics.repository import Choice
from wod_api_db.statistics.schemas import Moment, PublicStatistics, Statistics
from wod_common.problems import NotFound, Unprocessable

Value = TypeVar("Value")

DEFAULT_SPAN = timedelta(days=30)
#: by the day, an answer of a megabyte at most
LONGEST_SPAN = timedelta(days=3660)
HOURS_UP_TO = timedelta(days=2)
#: a count of everything takes tens of milliseconds for each hundred thousand registrations
PUBLIC_SECONDS = 15.0


class Cached(Generic[Value]):
    """What ``read`` answered at most ``seconds`` ago. Callers that come meanwhile wait for the one that reads."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Value]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._held: tuple[float, Value] | None = None

    async def get(self) -> Value:
        async with self._lock:
            if self._held is None or self._clock() - self._held[0] >= self._seconds:
                self._held = (self._clock(), await self._read())
            return self._held[1]


def public_statistics(sessions: async_sessionmaker[AsyncSession]) -> Cached[PublicStatistics]:
    async def read() -> PublicStatistics:
        async with sessions() as session:
            return PublicStatistics.model_validate(await repository.public(session))

    return Cached(read, PUBLIC_SECONDS)


async def choose(
    session: AsyncSession,
    since: datetime | None,
    until: datetime | None,
    workshop: str | None,
    location: int | None,
    now: datetime,
) -> Choice:
    """Raises Unprocessable for a span that cannot be answered, NotFound for a workshop or location unknown."""
    end = _utc(until, "until") if until is not None else now
    start = _utc(since, "since") if since is not None else end - DEFAULT_SPAN
    if not timedelta() < end - start <= LONGEST_SPAN:
        raise _wrong("since", f"must be before until, by {LONGEST_SPAN.days} days at most")
    return Choice(start, end, await known(session, workshop, location), location, workshop)


async def known(session: AsyncSession, workshop: str | None, location: int | None) -> int | None:
    """The workshop's id, if one is named. Raises NotFound for a workshop or a location that is unknown."""
    workshop_id = await repository.workshop_id(session, workshop) if workshop is not None else None
    if workshop is not None and workshop_id is None:
        raise NotFound(f"there is no workshop {workshop!r}; GET /api/v1/workshops lists them")
    if location is not None and not await repository.has_location(session, location):
        raise NotFound(f"there is no location {location}")
    return workshop_id


def _utc(moment: datetime, field: str) -> datetime:
    if not 2000 <= moment.year <= 2200:
        raise _wrong(field, "the year must lie between 2000 and 2200")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _wrong(field: str, message: str) -> Unprocessable:
    return Unprocessable(f"{field}: {message}", errors=[{"field": field, "message": message}])


async def statistics(session: AsyncSession, choice: Choice) -> Statistics:
    step: Literal["hour", "day"] = "hour" if choice.until - choice.since <= HOURS_UP_TO else "day"
    past = await repository.past(session, choice, step)
    present = await repository.present(session, choice)
    ready = await figures(session, choice.since, choice.until, workshop=choice.workshop, location=choice.location_id)
    types = [row | {"registrations": _of(past["by_session_type"], row)} for row in present["by_session_type"]]
    tenths = past.pop("tenths")
    completion = past["completion"] | {"tenths": [tenths.get(str(tenth), 0) for tenth in range(10)]}
    changes = {
        "since": choice.since,
        "until": choice.until,
        "step": step,
        "over_time": list(_every_step(choice, step, past["over_time"])),
        "by_session_type": types,
        "completion": completion,
        "ready": ready,
        "seats": present["seats"],
        "workshops_active": sum(row["workshops_active"] for row in types),
        "sessions_running": sum(row["sessions_running"] for row in types),
    }
    return Statistics.model_validate(past | past.pop("totals") | changes)


def _of(registrations: dict[str, int], row: dict[str, Any]) -> int:
    return registrations.get(row["session_type"], 0)


def _every_step(choice: Choice, step: Literal["hour", "day"], found: list[dict[str, Any]]) -> Iterator[Moment]:
    counted = {datetime.fromisoformat(row["at"]).astimezone(UTC): row["registrations"] for row in found}
    at = choice.since.replace(minute=0, second=0, microsecond=0)
    if step == "day":
        at = at.replace(hour=0)
    width = timedelta(hours=1) if step == "hour" else timedelta(days=1)
    while at < choice.until:
        yield Moment(at=at, registrations=counted.get(at, 0))
        at += width

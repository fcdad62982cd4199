"""What the database tells of: one LISTEN connection per process wakes whoever follows a registration's story,
and counts the changes of what the catalogue shows."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.registrations import repository
from wod_api_db.registrations.models import RegistrationEvent

log = structlog.get_logger(__name__)

STORIES = "registration_events"
CATALOGUE = "catalogue"
#: notices a connection that died without a word, and covers a notification lost with it
CHECK_SECONDS = 5.0


class Notifications:
    """Wakes the followers of a registration when the database says that its story went on; counts the catalogue's changes."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._catalogue_changes = 0
        self._followers: dict[int, set[asyncio.Event]] = defaultdict(set)

    @property
    def catalogue_version(self) -> int | None:
        """Another number after every change of what the catalogue shows; None while nothing would be heard of one."""
        heard = self._connection is not None and not self._connection.is_closed()
        return self._catalogue_changes if heard else None

    @contextmanager
    def follow(self, registration_id: int) -> Iterator[asyncio.Event]:
        """An event that is set on every notification; clear it before reading the rows."""
        wake = asyncio.Event()
        self._followers[registration_id].add(wake)
        try:
            yield wake
        finally:
            self._followers[registration_id].discard(wake)
            if not self._followers[registration_id]:
                del self._followers[registration_id]

    async def run(self) -> None:
        """Listens until cancelled; a lost connection is made again, and everyone looks once for what he missed."""
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("lost the notifications, connecting again", reason=str(error))
                await asyncio.sleep(1)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            await connection.add_listener(STORIES, self._notified)
            await connection.add_listener(CATALOGUE, self._catalogue_changed)
            self._connection = connection
            self._catalogue_changes += 1  # whatever was missed
            self._wake_everyone()
            while True:
                await asyncio.sleep(CHECK_SECONDS)
                await connection.execute("SELECT 1", timeout=CHECK_SECONDS)
        finally:
            self._connection = None
            connection.terminate()

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for wake in self._followers.get(int(str(payload)), ()):
            wake.set()

    def _catalogue_changed(self, *_: object) -> None:
        self._catalogue_changes += 1

    def _wake_everyone(self) -> None:
        for followers in self._followers.values():
            for wake in followers:
                wake.set()


def _is_last(event: RegistrationEvent) -> bool:
    """The seat has been given back, or the wait for one is over."""
    return event.type == "cleaned" or (event.type == "cancelled" and event.data.get("seat") is False)


async def story(
    sessions: async_sessionmaker[AsyncSession], notifications: Notifications, registration_id: int, last: int
) -> AsyncIterator[RegistrationEvent]:
    """Every event behind ``last``, then each as it happens; ends with the last one of the story."""
    with notifications.follow(registration_id) as wake:
        while True:
            wake.clear()
            async with sessions() as session:
                events = await repository.events_after(session, registration_id, last)
            for event in events:
                last = event.id
                yield event
                if _is_last(event):
                    return
            await wake.wait()

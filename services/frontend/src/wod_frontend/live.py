"""Live stories: one upstream stream per registration, shared by everyone who looks at it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import structlog
from prometheus_client import Gauge

from wod_frontend.api import Api, ApiAway, ApiRefused
from wod_frontend.wire import Event

log = structlog.get_logger()

UPSTREAMS = Gauge("wod_portal_upstreams", "Event streams open to the api-db")
#: Seconds between attempts to get a broken upstream back; the last one repeats.
RETRY_AFTER = (0.2, 1.0, 3.0, 5.0)
#: A page is shown with what is known of the story after so many seconds.
STORY_TIMEOUT = 2.0


class Story:
    """What happened to one registration so far; grows while somebody looks.

    Viewers read from the list at their own pace, so that a slow one holds nobody up and costs no queue.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False
        self._changed = asyncio.Event()

    @property
    def last_id(self) -> int:
        return self.events[-1].id if self.events else 0

    def add(self, event: Event) -> None:
        if event.id > self.last_id:
            self.events.append(event)
            self._wake()

    def close(self) -> None:
        self.closed = True
        self._wake()

    async def behind(self, after: int) -> AsyncGenerator[Event, None]:
        """Every event whose id is above ``after``, as it comes; ends when the story does."""
        position = 0
        while True:
            changed = self._changed
            while position < len(self.events):
                event = self.events[position]
                position += 1
                if event.id > after:
                    yield event
            if self.closed:
                return
            await changed.wait()

    async def reached(self, event_id: int) -> None:
        """Returns once the event is known, or nothing more will come."""
        while not self.closed and self.last_id < event_id:
            await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class _Shared:
    """A story, the task that fills it, and the number of its viewers."""

    def __init__(self, story: Story, task: asyncio.Task[None]) -> None:
        self.story = story
        self.task = task
        self.viewers = 0


class LiveStories:
    """All stories that somebody looks at now."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._shared: dict[str, _Shared] = {}

    @asynccontextmanager
    async def watch(self, token: str) -> AsyncIterator[Story]:
        """The shared story; the first viewer opens the upstream, the last one closes it."""
        shared = self._shared.get(token) or self._open(token)
        shared.viewers += 1
        try:
            yield shared.story
        finally:
            shared.viewers -= 1
            if not shared.viewers:
                del self._shared[token]
                shared.task.cancel()

    async def read(self, token: str, until: int) -> list[Event]:
        """The story up to the event ``until``, or what of it came in time."""
        async with self.watch(token) as story:
            try:
                async with asyncio.timeout(STORY_TIMEOUT):
                    await story.reached(until)
            except TimeoutError:
                log.warning("story-incomplete", last_id=story.last_id, wanted=until)
            return list(story.events)

    def close(self) -> None:
        """Ends every story, and with it every viewer's response."""
        for shared in self._shared.values():
            shared.task.cancel()
            shared.story.close()

    def _open(self, token: str) -> _Shared:
        story = Story()
        task = asyncio.create_task(self._fill(story, token), name="live-story")
        shared = self._shared[token] = _Shared(story, task)
        return shared

    async def _fill(self, story: Story, token: str) -> None:
        attempt = 0
        with UPSTREAMS.track_inprogress():
            while not story.closed:
                before = story.last_id
                try:
                    await self._follow(story, token)
                except ApiRefused:
                    story.close()
                except ApiAway as error:
                    log.warning("upstream-broken", reason=str(error))
                attempt = 0 if story.last_id > before else attempt + 1
                if not story.closed:
                    await asyncio.sleep(RETRY_AFTER[min(attempt, len(RETRY_AFTER) - 1)])

    async def _follow(self, story: Story, token: str) -> None:
        async with aclosing(self._api.events(token, story.last_id)) as events:
            async for event in events:
                story.add(event)
        # a stream also ends where the api-db restarts: only the row says that nothing follows
        if (await self._api.registration(token)).over:
            story.close()

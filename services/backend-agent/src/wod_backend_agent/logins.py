"""Whether the hub may let somebody in."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from wod_backend_agent.journal import Journal
from wod_backend_agent.passwords import hash_password, new_password, verify_password

MOST_FAILURES = 10
WINDOW_SECONDS = 60.0
#: Each check takes 19 MiB and a core for 80 ms.
CHECKS_AT_A_TIME = 2


class Logins:
    """Checks names and passwords against the journal's hashes, with the same work for a name that is nobody's."""

    def __init__(self, journal: Journal, seats: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._numbers = {f"student{number}": number for number in range(1, seats + 1)}
        self._clock = clock
        self._failures: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MOST_FAILURES))
        self._threads = ThreadPoolExecutor(CHECKS_AT_A_TIME, thread_name_prefix="login")
        self._nobodys_hash = hash_password(new_password())

    async def allowed(self, username: str, password: str) -> bool:
        # names that are no seat's share one count: inventing them must not fill the memory
        counted = username if username in self._numbers else ""
        if self._throttled(counted):
            return False
        # counted beforehand: a hundred guesses at once must not all pass the throttle
        now = self._clock()
        self._failures[counted].append(now)
        allowed = await self._matches(self._numbers.get(username), password)
        if allowed:
            with suppress(ValueError):
                self._failures[counted].remove(now)
        return allowed

    def close(self) -> None:
        self._threads.shutdown()

    def _throttled(self, username: str) -> bool:
        failures = self._failures[username]
        return len(failures) == MOST_FAILURES and failures[0] > self._clock() - WINDOW_SECONDS

    async def _matches(self, student: int | None, password: str) -> bool:
        hashed = None if student is None else await self._journal.password_hash(student)
        matches = await asyncio.get_running_loop().run_in_executor(
            self._threads, verify_password, password, hashed or self._nobodys_hash
        )
        if student is None or hashed is None or not matches:
            return False
        # the seat may have been cleaned while the hash was computed
        return await self._journal.log_in(student, hashed)

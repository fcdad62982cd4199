"""Tells those who wait for a lab how many are prepared before theirs."""

import time
from collections.abc import Callable, Iterable
from uuid import UUID

from wod_common.commands import Command, Verb

#: A place that has not halved is told again after this, so that a slow line does not look like a dead one.
QUIET_SECONDS = 60.0

#: Called with the command and the number of labs before it.
Tell = Callable[[UUID, int], object]


class QueueProgress:
    """A hundred that wait must not report a hundred times at each step of the line: each tells when its place has halved."""

    def __init__(self, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        #: the place last told, and when
        self._told: dict[UUID, tuple[int, float]] = {}

    def look(self, waiting: Iterable[Command], running: Iterable[Command]) -> None:
        """``waiting`` in the order of the line."""
        now = self._clock()
        ahead = sum(command.verb is Verb.CREATE for command in running)
        told = {}
        for command in waiting:
            if command.verb is Verb.CREATE:
                told[command.id] = self._tell_if_due(command.id, ahead, now)
                ahead += 1
        self._told = told

    def _tell_if_due(self, command: UUID, ahead: int, now: float) -> tuple[int, float]:
        if command in self._told:
            before, since = self._told[command]
            halved = ahead < before and ahead <= before // 2
            if not halved and (ahead == before or now - since < QUIET_SECONDS):
                return before, since
        self._tell(command, ahead)
        return ahead, now


def sentence(ahead: int) -> str:
    if ahead == 0:
        return "Your lab is the next to be prepared"
    return "1 lab is prepared before yours" if ahead == 1 else f"{ahead} labs are prepared before yours"

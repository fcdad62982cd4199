"""How much nonsense one peer may send: more is answered with less, and is not written to the log."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

#: a minute, and at once
REFUSALS_PER_MINUTE = 60
#: those that were heard of longest ago are forgotten
_ORIGINS = 10_000


@dataclass
class Refusals:
    """Counts what is refused, per peer; what is valid costs nothing, so it gets through whoever shares its address."""

    clock: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def spend(self, origin: str) -> bool:
        """False where the peer has had its share."""
        now = self.clock()
        left, since = self._left.pop(origin, (float(REFUSALS_PER_MINUTE), now))
        left = min(left + (now - since) * REFUSALS_PER_MINUTE / 60, REFUSALS_PER_MINUTE)
        self._left[origin] = (max(left - 1, 0.0), now)
        if len(self._left) > _ORIGINS:
            self._left.popitem(last=False)
        return left >= 1

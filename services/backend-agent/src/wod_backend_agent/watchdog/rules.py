"""Which of the seats' processes are not to go on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from wod_backend_agent.watchdog.looking import Running

#: What only mines coins, by the names that its makers give it.
MINERS = (
    "xmrig", "xmr-stak*", "minerd", "cpuminer*", "ethminer", "nbminer", "t-rex", "lolminer", "phoenixminer",
    "claymore*", "cgminer", "bfgminer", "ccminer", "nanominer", "teamredminer", "gminer", "trex", "srbminer*",
)  # fmt: skip


def called_by(patterns: Sequence[str], names: Iterable[str]) -> bool:
    """In any case of letters, for a program's maker does not keep to one."""
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in names for pattern in patterns)


@dataclass(frozen=True)
class Programs:
    """``forbidden`` are patterns of names, as a shell's."""

    forbidden: Sequence[str] = MINERS

    def broken_by(self, running: Iterable[Running]) -> list[Running]:
        return [one for one in running if called_by(self.forbidden, one.names)]


@dataclass
class Shares:
    """Who takes ``percent`` of a processor or more, at every look, for ``seconds`` on end; ``allowed`` are patterns of names.

    Children count with who waits for them, so that a chain of short ones is as busy as one that stays.
    """

    percent: float
    seconds: float
    allowed: Sequence[str] = ()
    _taken: dict[tuple[int, float], float] = field(default_factory=dict)
    _busy_since: dict[tuple[int, float], float] = field(default_factory=dict)
    _looked: float = 0.0

    def broken_by(self, running: Iterable[Running], now: float) -> list[Running]:
        """``now`` is the time of the look in seconds, of any clock that only goes forward."""
        found = {one.identity: one for one in running if not called_by(self.allowed, one.names)}
        elapsed = now - self._looked
        self._busy_since = {
            identity: self._busy_since.get(identity, self._looked)
            for identity, one in found.items()
            if identity in self._taken and one.cpu - self._taken[identity] >= elapsed * self.percent / 100
        }
        self._taken = {identity: one.cpu for identity, one in found.items()}
        self._looked = now
        return [found[identity] for identity, since in self._busy_since.items() if now - since >= self.seconds]


@dataclass
class Sessions:
    """When the sessions end, as the api-db has last said: it may be away when that moment comes."""

    grace: float
    _ends: dict[int, tuple[int, float]] = field(default_factory=dict)

    def learn(self, left: Iterable[tuple[int, int, float | None]], now: float) -> None:
        """Student, generation and seconds left of every seat in use; None before its clock has started."""
        known = {}
        for student, generation, seconds in left:
            if seconds is None:
                continue
            before = self._ends.get(student)
            # of a session that is over it is said each time that nothing is left
            still_over = seconds <= 0 and before is not None and before[0] == generation and before[1] <= now
            known[student] = before if still_over and before else (generation, now + seconds)
        self._ends = known

    def overdue(self, now: float) -> dict[int, int]:
        """Students whose session has been over for longer than the grace, with the generation that it had."""
        return {student: generation for student, (generation, end) in self._ends.items() if now - end > self.grace}

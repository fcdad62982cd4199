"""Who may be connected: bounded in all and per peer, and a newcomer is let in at the expense of who stays long."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

#: of peers that nobody lists; and of the listed ones, whose room no stranger can take
CONNECTIONS = 400
LISTED_CONNECTIONS = 100
CONNECTIONS_PER_PEER = 50


class Guest(Protocol):
    #: the agent is being asked for it
    deciding: bool

    def evict(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class Room:
    """A command takes milliseconds, so whoever has been here longest is the one that can best be spared."""

    total: int
    per_peer: int
    guests: dict[Guest, str] = field(default_factory=dict)

    def admit(self, guest: Guest, origin: str) -> bool:
        """Makes place where there is none. False where all the others wait for the agent's answer."""
        if Counter(self.guests.values())[origin] >= self.per_peer:
            victim = next(self._spare(origin), None)
        elif len(self.guests) >= self.total:
            # from those first who take most of the room
            crowds = Counter(self.guests.values()).most_common()
            victim = next((guest for crowd, _ in crowds for guest in self._spare(crowd)), None)
        else:
            self.guests[guest] = origin
            return True
        if victim is None:
            return False
        del self.guests[victim]
        self.guests[guest] = origin
        victim.evict()
        return True

    def _spare(self, origin: str) -> Iterator[Guest]:
        """Oldest first."""
        return (guest for guest, its in self.guests.items() if its == origin and not guest.deciding)


class Connections:
    """Those that are open now."""

    def __init__(self) -> None:
        self._strangers = Room(CONNECTIONS, CONNECTIONS_PER_PEER)
        self._listed = Room(LISTED_CONNECTIONS, LISTED_CONNECTIONS)

    def admit(self, guest: Guest, origin: str, *, listed: bool) -> bool:
        return (self._listed if listed else self._strangers).admit(guest, origin)

    def leave(self, guest: Guest) -> None:
        self._strangers.guests.pop(guest, None)
        self._listed.guests.pop(guest, None)

    def close(self) -> None:
        for guest in [*self._strangers.guests, *self._listed.guests]:
            guest.close()

    def __len__(self) -> int:
        return len(self._strangers.guests) + len(self._listed.guests)

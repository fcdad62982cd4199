"""Tells streams inside this process that a command has something new."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class Feed:
    """Carries no data: whoever is woken reads the journal."""

    def __init__(self) -> None:
        self._listeners: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)

    def ring(self, command: UUID) -> None:
        for listener in self._listeners.get(command, ()):
            listener.set()

    @contextmanager
    def listen(self, command: UUID) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        self._listeners[command].add(bell)
        try:
            yield bell
        finally:
            self._listeners[command].discard(bell)
            if not self._listeners[command]:
                del self._listeners[command]

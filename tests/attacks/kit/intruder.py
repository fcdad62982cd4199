"""A student who wants to know what else there is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from visitor import Platform


@dataclass(frozen=True)
class Intruder:
    """Has a shell: a kernel of the own lab, started by the hub as every student's."""

    platform: Platform
    username: str
    neighbour: str
    #: runs Python there, and returns what it prints or the text of its error
    run: Callable[[str], Awaitable[str]]

    @property
    def root(self) -> Path:
        return self.platform.stack.state.root

    def port(self, name: str) -> int:
        return int(getattr(self.platform.stack.settings.ports, name))

"""What the agent asks of the location's JupyterHub."""

from typing import Protocol


class HubUnavailable(Exception):
    """The hub did not do as asked; the call may be repeated."""


class Hub(Protocol):
    """Every call is repeatable."""

    async def start_server(self, username: str) -> None:
        """Returns when the student's server answers, or raises HubUnavailable."""

    async def stop_server(self, username: str) -> None:
        """Returns when no server of the student runs; waits for one that is starting or stopping."""

    async def evict(self, username: str) -> None:
        """Ends every cookie, OAuth token and API token of the student."""

    async def runs_server(self, username: str) -> bool:
        """Whether the hub has a server of the student, or is starting or stopping one; or raises HubUnavailable."""

    async def ready(self) -> str:
        """What ``/readyz`` shows; raises HubUnavailable."""

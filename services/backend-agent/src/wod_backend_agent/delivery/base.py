"""What the agent asks of a way to deliver: a seat made, measured and emptied."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

from pydantic import SecretStr

from wod_common.capabilities import Capability

#: Set in the environment of every process a run starts, so that a restarted agent finds what is left of it.
RUN_MARKER = "WOD_RUN"


@dataclass(frozen=True)
class Seat:
    """One account of the location. ``uid`` is None where seats share the agent's own account."""

    number: int
    home: Path
    uid: int | None = None
    #: the first seat of its workshop's range; None leaves it to the workshop's author
    first: int | None = None

    @property
    def username(self) -> str:
        return f"student{self.number}"


@dataclass(frozen=True)
class Deployment:
    """What a CREATE puts into a seat. ``workshop`` is as asked, ``CHLG-`` or ``WKSHP-``."""

    run: UUID
    seat: Seat
    workshop: str
    #: None for a seat that is made ahead
    registration: int | None
    password: SecretStr
    #: more variables for the templates, as secret as the password
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Progress:
    """A step that began. ``percent`` is the share of the whole command behind us."""

    step: str
    percent: int
    message: str


class DeliveryFailed(Exception):
    """The seat is not as asked; the message is for the operator, holds nothing secret and says what to mend."""


class Delivery(Protocol):
    """Every method may be run again after a crash, and ends what it started when it is cancelled."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What a workshop may ask of it."""

    def admit(self, workshop: str) -> None:
        """Raises DeliveryFailed, naming what is missing, where the workshop needs more than this way can."""

    async def create(self, deployment: Deployment, progress: Callable[[Progress], None]) -> None:
        """A fresh home with the rendered workshop; nothing of it where the workshop does not render."""

    async def target(self, run: UUID, seat: Seat, workshop: str) -> str | None:
        """The address of the machine that the seat works with; None where the workshop needs none."""

    async def measure(self, run: UUID, seat: Seat, workshop: str) -> int | None:
        """Per cent of the workshop's code cells that the student has run; None where there are none."""

    async def clean(self, run: UUID, seat: Seat) -> None:
        """No process of the seat lives, and its home is empty."""

    def knows(self, workshop: str) -> bool:
        """Whether there is content for the workshop."""

"""What the portal reads of the api-db's answers; fields it does not show are not named here."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel


class Workshop(BaseModel):
    notebook: str
    name: str
    description: str
    category: list[str]
    duration_seconds: int
    presenter: str
    role: str
    replay_link: str
    active: bool
    room: int
    #: how many wait for a seat
    waiting: int = 0
    pre_requisite: str = ""
    #: why nobody is let in at present, in the operator's words
    paused: str | None = None


class WorkshopList(BaseModel):
    items: list[Workshop]


class Badge(BaseModel):
    """``workshop`` is None for a badge for several workshops."""

    token: UUID
    workshop: str | None
    name: str
    description: str
    awarded_at: datetime
    finished: int


class State(StrEnum):
    """The states of a registration."""

    WAITING = "waiting"
    OFFERED = "offered"
    REGISTERED = "registered"
    DEPLOYING = "deploying"
    RUNNING = "running"
    EXPIRING = "expiring"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({State.ENDED, State.FAILED, State.CANCELLED})


class Line(BaseModel):
    """Where somebody stands on a waiting list; ``place`` is None while a seat is offered."""

    place: int | None
    length: int
    waiting_since: datetime
    moved_at: datetime | None
    waited_seconds: int | None
    offer_ends_at: datetime | None


class Registration(BaseModel):
    state: State
    workshop: str
    workshop_name: str
    name: str
    username: str
    location: str
    lab_url: str
    created_at: datetime
    ends_at: datetime | None
    duration_seconds: int
    completion: int | None
    cleaned: bool
    #: while it waits, or is offered a seat
    line: Line | None = None
    waiting_before: int | None = None
    #: an estimate; None where nothing is known
    ready_in_seconds: int | None = None
    extension_seconds: int | None = None
    mail_trouble: str | None = None
    announcement: str | None = None
    correctable: bool = False
    last_event_id: int

    @property
    def over(self) -> bool:
        """Nothing follows: the registration is final and its seat given back."""
        return self.state in FINAL and self.cleaned


class NewRegistration(BaseModel):
    """The part of the answer to a registration that leads to the session's page, and may correct its address."""

    token: str
    browser_key: str


class CorrectedRegistration(BaseModel):
    """The personal token has changed with the address."""

    token: str


class Event(BaseModel):
    """One row of a registration's story."""

    id: int
    at: datetime
    type: str
    state: State
    data: dict[str, Any]

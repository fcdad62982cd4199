"""What the portal reads of the api-db's answers; fields it does not show are not named here."""

from datetime import datetime
from enum import StrEnum
from typing import Any

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


class WorkshopList(BaseModel):
    items: list[Workshop]


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
    last_event_id: int

    @property
    def over(self) -> bool:
        """Nothing follows: the registration is final and its seat given back."""
        return self.state in FINAL and self.cleaned


class NewRegistration(BaseModel):
    """The part of the answer to a registration that leads to the session's page."""

    token: str


class Event(BaseModel):
    """One row of a registration's story."""

    id: int
    at: datetime
    type: str
    state: State
    data: dict[str, Any]

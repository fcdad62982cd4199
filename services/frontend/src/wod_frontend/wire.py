"""What the portal reads of the api-db's answers; fields it does not show are not named here."""

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Workshop(BaseModel):
    """Hashable: its card is kept by it."""

    model_config = ConfigDict(frozen=True)

    notebook: str
    name: str
    description: str
    category: tuple[str, ...]
    duration_seconds: int
    presenter: str
    role: str
    replay_link: str
    active: bool
    room: int
    pre_requisite: str = ""
    #: why nobody is let in at present, in the operator's words
    paused: str | None = None
    #: how many are on its waiting list
    waiting: int = 0
    created_at: datetime

    @cached_property
    def searchable(self) -> str:
        return " ".join([self.name, self.description, self.presenter, *self.category]).casefold()


class WorkshopList(BaseModel):
    items: list[Workshop]


class Names(BaseModel):
    """Folder names of workshops."""

    items: list[str]


class Figures(BaseModel):
    """What anyone may know of the platform."""

    registrations: int
    persons: int
    workshops_active: int
    sessions_running: int


class Badge(BaseModel):
    """``workshop`` is None for a badge for several workshops."""

    token: UUID
    workshop: str | None
    name: str
    description: str
    awarded_at: datetime
    finished: int
    #: the owner's, where he wants it told
    shown_name: str = ""


class SpecialBadge(BaseModel):
    id: int
    threshold: int
    name: str
    title: str
    description: str


class SpecialBadges(BaseModel):
    items: list[SpecialBadge]


class EarnedBadge(BaseModel):
    token: UUID
    name: str
    shown_name: str


class EarnedBadges(BaseModel):
    items: list[EarnedBadge]


class Feedback(BaseModel):
    rating: int
    text: str


class JoinedClass(BaseModel):
    """The class behind a join code."""

    title: str
    instructor: str
    workshop: str
    workshop_name: str
    location_name: str
    state: str
    starts_at: datetime
    ends_at: datetime
    opens_at: datetime
    left: int


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
    """Where somebody stands who waits for a seat."""

    place: int | None
    length: int
    counted_to: int
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
    waiting_before: int | None = None
    extension_seconds: int | None = None
    mail_trouble: str | None = None
    announcement: str | None = None
    correctable: bool = False
    line: Line | None = None
    ready_in_seconds: int | None = None
    class_id: int | None = None
    help_wanted_at: datetime | None = None
    last_event_id: int

    @property
    def notebooks_url(self) -> str:
        """Where the student's own server packs the workshop's folder; empty without a lab."""
        before, found, _ = self.lab_url.partition("/hub/user-redirect/")
        return f"{before}{found}wod/notebooks.zip?folder={self.workshop}" if found else ""

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

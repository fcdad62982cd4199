"""Registrations (one person for one workshop) and their story."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, false, func, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wod_api_db.columns import state_column, state_in
from wod_api_db.db import Base
from wod_api_db.locations.models import Location
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.states import HOLDING
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Workshop

HELD_ADDRESS = state_in(*HOLDING)
IN_LINE = state_in(RegistrationState.WAITING, RegistrationState.OFFERED)
_WAITING = state_in(RegistrationState.WAITING)
_OFFERED = state_in(RegistrationState.OFFERED)
_UNCLEANED = text("cleaned_at IS NULL AND student_id IS NOT NULL")


class Registration(Base):
    """What it needs later of workshop and placement is copied: a changed range touches new registrations only.

    It is *uncleaned* while it has a seat and no ``cleaned_at``; the room counts those.
    """

    __tablename__ = "registrations"
    __table_args__ = (
        Index("registrations_one_per_address", "email_key", unique=True, postgresql_where=HELD_ADDRESS),
        Index("registrations_one_per_seat", "student_id", unique=True, postgresql_where=_UNCLEANED),
        Index(
            "registrations_one_wait_per_address_and_workshop",
            "email_key",
            "workshop_id",
            unique=True,
            postgresql_where=IN_LINE,
        ),
        Index("registrations_of_class", "class_id", "id", postgresql_where=text("class_id IS NOT NULL")),
        Index("registrations_uncleaned", "placement_id", postgresql_where=_UNCLEANED),
        Index("registrations_line", "workshop_id", "waiting_since", "id", postgresql_where=_WAITING),
        Index("registrations_wait_ending", "wait_ends_at", postgresql_where=_WAITING),
        Index("registrations_offered", "placement_id", "offer_ends_at", postgresql_where=_OFFERED),
        Index("registrations_line_moved", "workshop_id", "offered_at", postgresql_where=text("offered_at IS NOT NULL")),
        Index("registrations_waited", "waiting_since", postgresql_where=text("waiting_since IS NOT NULL")),
        Index(
            "registrations_stuck",
            "stuck_at",
            postgresql_where=state_in(RegistrationState.REGISTERED, RegistrationState.DEPLOYING),
        ),
        Index("registrations_expiring", "expiring_at", postgresql_where=state_in(RegistrationState.RUNNING)),
        Index(
            "registrations_ending",
            "ends_at",
            postgresql_where=state_in(RegistrationState.RUNNING, RegistrationState.EXPIRING),
        ),
        Index(
            "registrations_no_show",
            "no_show_at",
            postgresql_where=text("no_show_at IS NOT NULL AND state IN ('running', 'expiring')"),
        ),
        Index(
            "registrations_idempotency",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index("registrations_idempotency_age", "created_at", postgresql_where=text("idempotency_key IS NOT NULL")),
        Index("registrations_person", "email_key"),
        Index("registrations_of_seat", "student_id"),
        Index(
            "registrations_retention",
            "ended_at",
            postgresql_where=text("pseudonymised_at IS NULL AND ended_at IS NOT NULL"),
        ),
        Index("registrations_erasing", "id", postgresql_where=text("pseudonymised_at IS NULL AND email = ''")),
        Index("registrations_created", "created_at"),
        Index("registrations_in_state", "state", "id"),
        Index("registrations_of_workshop", "workshop_id", "id"),
        Index("registrations_of_location", "location_id", "id"),
        CheckConstraint(
            "state IN ('waiting', 'offered', 'cancelled') OR "
            "num_nulls(placement_id, location_id, generation, range_first) = 0",
            name="registrations_have_a_place_once_registered",
        ),
        CheckConstraint(
            "state <> 'waiting' OR (placement_id IS NULL AND waiting_since IS NOT NULL AND wait_ends_at IS NOT NULL)",
            name="registrations_that_wait_do_so_since_and_until",
        ),
        CheckConstraint(
            "(state = 'offered') = (offer_ends_at IS NOT NULL) AND (state <> 'offered' OR placement_id IS NOT NULL)",
            name="registrations_are_offered_a_place_until",
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    state: Mapped[RegistrationState] = state_column(RegistrationState)
    workshop_id: Mapped[int] = mapped_column(ForeignKey("workshops.id"))
    #: None while it waits: which placement it will be shows when there is room
    placement_id: Mapped[int | None] = mapped_column(ForeignKey("placements.id"))
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    #: None until it is registered
    student_id: Mapped[int | None] = mapped_column(ForeignKey("students.id"))
    #: whose booked seat it has; ends with it, and is extended by its instructor alone
    class_id: Mapped[int | None] = mapped_column(ForeignKey("classes.id"))
    class_ends_at: Mapped[datetime | None]
    #: on the class's seat for whoever speaks
    speaks: Mapped[bool] = mapped_column(server_default=false())
    #: the person has asked his instructor for help, and has not had it yet
    help_wanted_at: Mapped[datetime | None]
    generation: Mapped[int | None]
    name: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str]
    company: Mapped[str]
    terms_version: Mapped[str]
    terms_accepted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: part of the personal token and of the browser's key: a new one revokes both
    link_nonce: Mapped[str]
    duration: Mapped[timedelta]
    range_first: Mapped[int | None]
    content_version: Mapped[str]
    #: of one that has waited: when it took its seat
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: the order of the line; None of those who never waited
    waiting_since: Mapped[datetime | None]
    #: while it waits: when it has waited in vain
    wait_ends_at: Mapped[datetime | None]
    #: for how long it was told that an offer will be kept
    offer_limit: Mapped[timedelta | None]
    #: when room was last offered to it
    offered_at: Mapped[datetime | None]
    #: while it is offered room: when that passes on to the next
    offer_ends_at: Mapped[datetime | None]
    #: while registered or deploying: when it counts as failed
    stuck_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]
    clock_started_at: Mapped[datetime | None]
    expiring_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    #: ``time``, ``person``, ``operator``, ``no-show``, ``class``; of one that waited also ``offer-lapsed``, ``retired``
    end_reason: Mapped[str | None]
    #: why it failed, for the operator
    failure: Mapped[str | None]
    #: per cent of the code cells that were run, measured when the seat was cleaned
    completion: Mapped[int | None]
    #: the same at the last measurement while the session runs
    completion_so_far: Mapped[int | None]
    cleaned_at: Mapped[datetime | None]
    extensions: Mapped[int] = mapped_column(server_default="0")
    #: the next step against a person who never logs in: a reminder, then the end; None where there is none to come
    no_show_at: Mapped[datetime | None]
    no_show_reminded_at: Mapped[datetime | None]
    first_login_at: Mapped[datetime | None]
    corrected_at: Mapped[datetime | None]
    idempotency_key: Mapped[str | None]
    #: SHA-256 of the request that came with the key
    request_hash: Mapped[str | None]
    #: the id of the click that it comes from, in the log of every service
    trace: Mapped[str | None]
    #: since then nothing leads to the person, in the row or beside it; an empty ``email`` is the beginning of it
    pseudonymised_at: Mapped[datetime | None]

    workshop: Mapped[Workshop] = relationship(lazy="raise")
    location: Mapped[Location | None] = relationship(lazy="raise")
    student: Mapped[Student | None] = relationship(lazy="raise")

    @property
    def place(self) -> Location:
        """Where its seat is; not to be asked of one that waits."""
        assert self.location is not None
        return self.location

    def step_back(self) -> None:
        """What was offered to it is anybody's again."""
        self.placement_id = self.location_id = self.offer_ends_at = None

    @property
    def known_completion(self) -> int | None:
        """The final figure, or as long as there is none the last one."""
        return self.completion_so_far if self.completion is None else self.completion


#: Of ``Registration``, with the state written out, as the partial indexes have it.
WAITING = Registration.state == literal_column("'waiting'")
OFFERED = Registration.state == literal_column("'offered'")


class RegistrationEvent(Base):
    """The story, row by row. A trigger notifies ``registration_events`` with the registration's id."""

    __tablename__ = "registration_events"
    __table_args__ = (Index("registration_events_story", "registration_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    type: Mapped[str]
    state: Mapped[RegistrationState] = state_column(RegistrationState)
    data: Mapped[dict[str, Any]]

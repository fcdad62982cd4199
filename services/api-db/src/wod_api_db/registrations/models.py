"""Registrations (one person for one workshop) and their story."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, false, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wod_api_db.columns import state_column, state_in
from wod_api_db.db import Base
from wod_api_db.locations.models import Location
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.states import HOLDING
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Workshop

HELD_ADDRESS = state_in(*HOLDING)
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
            postgresql_where=state_in(RegistrationState.WAITING, RegistrationState.OFFERED),
        ),
        Index("registrations_of_class", "class_id", "id", postgresql_where=text("class_id IS NOT NULL")),
        Index("registrations_uncleaned", "placement_id", postgresql_where=_UNCLEANED),
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
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    state: Mapped[RegistrationState] = state_column(RegistrationState)
    workshop_id: Mapped[int] = mapped_column(ForeignKey("workshops.id"))
    placement_id: Mapped[int] = mapped_column(ForeignKey("placements.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    student_id: Mapped[int | None] = mapped_column(ForeignKey("students.id"))
    #: whose booked seat it has; ends with it, and is extended by its instructor alone
    class_id: Mapped[int | None] = mapped_column(ForeignKey("classes.id"))
    class_ends_at: Mapped[datetime | None]
    #: on the class's seat for whoever speaks
    speaks: Mapped[bool] = mapped_column(server_default=false())
    #: the person has asked his instructor for help, and has not had it yet
    help_wanted_at: Mapped[datetime | None]
    generation: Mapped[int]
    name: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str]
    company: Mapped[str]
    terms_version: Mapped[str]
    terms_accepted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: part of the personal token and of the browser's key: a new one revokes both
    link_nonce: Mapped[str]
    duration: Mapped[timedelta]
    range_first: Mapped[int]
    content_version: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: while registered or deploying: when it counts as failed
    stuck_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]
    clock_started_at: Mapped[datetime | None]
    expiring_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    #: ``time``, ``person``, ``operator``, ``no-show``, ``class``
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
    location: Mapped[Location] = relationship(lazy="raise")
    student: Mapped[Student | None] = relationship(lazy="raise")

    @property
    def known_completion(self) -> int | None:
        """The final figure, or as long as there is none the last one."""
        return self.completion_so_far if self.completion is None else self.completion


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

"""Commands to seats and what the agents report of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wod_api_db.columns import state_column, state_in
from wod_api_db.db import Base
from wod_api_db.locations.models import Location
from wod_api_db.states import OUTSTANDING
from wod_api_db.students.models import Student
from wod_common.commands import CommandState, Verb

_OUTSTANDING = state_in(*OUTSTANDING)


class CommandRow(Base):
    """One command. ``due_at`` is when something must be done about it again: sent, or sent once more."""

    __tablename__ = "commands"
    __table_args__ = (
        UniqueConstraint("student_id", "generation", "sequence"),
        Index("commands_one_outstanding_per_seat", "student_id", unique=True, postgresql_where=_OUTSTANDING),
        Index("commands_due", "due_at", postgresql_where=_OUTSTANDING),
        Index("commands_of_registration", "registration_id"),
        Index("commands_in_order", "created_at", "id"),
        Index("commands_of_location", "location_id", "created_at", "id"),
        Index(
            "commands_creates_outstanding",
            "location_id",
            "created_at",
            "id",
            postgresql_where=text(f"verb = 'CREATE' AND {_OUTSTANDING}"),
        ),
        Index(
            "commands_creates_done",
            "location_id",
            "finished_at",
            postgresql_where=text("verb = 'CREATE' AND state = 'done'"),
        ),
        Index(
            "commands_prepared",
            "location_id",
            "finished_at",
            postgresql_where=text("verb = 'PREPARE' AND state = 'done'"),
        ),
        Index("commands_in_state", "state", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: None where no registration has asked: a seat made ahead, cleaned of that, or looked at
    registration_id: Mapped[int | None] = mapped_column(ForeignKey("registrations.id"))
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    verb: Mapped[Verb] = state_column(Verb)
    #: RESET of a whole range: its first and last student number; None for one seat
    first_student: Mapped[int | None]
    last_student: Mapped[int | None]
    #: as asked for: ``CHLG-`` for a challenge
    workshop: Mapped[str]
    generation: Mapped[int]
    sequence: Mapped[int]
    state: Mapped[CommandState] = state_column(CommandState, "queued")
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]

    student: Mapped[Student] = relationship(lazy="raise")
    location: Mapped[Location] = relationship(lazy="raise")


class CommandEventRow(Base):
    """A report as it came, without the password: the key makes a repeated one harmless."""

    __tablename__ = "command_events"
    __table_args__ = (Index("command_events_with_output", "received_at", postgresql_where=text("data ? 'output'")),)

    command_id: Mapped[UUID] = mapped_column(ForeignKey("commands.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    data: Mapped[dict[str, Any]]

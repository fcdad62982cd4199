"""Pauses of registration, and announcements to running sessions."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.db import Base


class Pause(Base):
    """Nobody is registered everywhere, at a location, or for a workshop; ``text`` is shown in its place."""

    __tablename__ = "pauses"
    __table_args__ = (
        CheckConstraint("location_id IS NULL OR workshop_id IS NULL", name="pauses_have_one_scope"),
        Index("pauses_one_per_scope", "location_id", "workshop_id", unique=True, postgresql_nulls_not_distinct=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    workshop_id: Mapped[int | None] = mapped_column(ForeignKey("workshops.id"))
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str]


class Announcement(Base):
    """Said to the sessions that ran at that moment: everywhere, at a location, or of a workshop."""

    __tablename__ = "announcements"

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    workshop_id: Mapped[int | None] = mapped_column(ForeignKey("workshops.id"))
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str]
    #: how many sessions it went to
    sessions: Mapped[int]

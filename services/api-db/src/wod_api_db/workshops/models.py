"""Workshops and where they are given."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, func, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wod_api_db.columns import state_column
from wod_api_db.db import Base
from wod_api_db.locations.models import Location


class RangeReset(StrEnum):
    """``waiting`` for the last one to leave, then ``running``."""

    WAITING = "waiting"
    RUNNING = "running"


class Workshop(Base):
    """A folder of notebooks with the metadata of its ``wod.yml``. Retired, not deleted, when its folder is gone."""

    __tablename__ = "workshops"

    id: Mapped[int] = mapped_column(primary_key=True)
    notebook: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str]
    active: Mapped[bool]
    priority: Mapped[int]
    reset: Mapped[bool]
    ldap: Mapped[bool]
    varpass: Mapped[bool]
    compile: Mapped[list[str]]
    #: programs of its own run around its commands
    hooks: Mapped[bool] = mapped_column(server_default=false())
    replay_id: Mapped[int | None]
    replay_link: Mapped[str]
    workshop_img: Mapped[str]
    badge_img: Mapped[str]
    beta: Mapped[bool]
    category: Mapped[list[str]]
    duration: Mapped[timedelta]
    presenter: Mapped[str]
    role: Mapped[str]
    avatar: Mapped[str]
    monoappliance: Mapped[bool]
    multiappliance: Mapped[bool]
    session_type: Mapped[str]
    alternate_location: Mapped[list[str]]
    pre_requisite: Mapped[str] = mapped_column(server_default="")
    #: how often a session may be extended, and by how much; None is half the duration
    extensions: Mapped[int] = mapped_column(server_default="1")
    extension: Mapped[timedelta | None]
    #: who has not logged in for this long is reminded, and half of it later the seat goes back; None is never
    no_show: Mapped[timedelta | None]
    content_version: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    retired_at: Mapped[datetime | None]


class Placement(Base):
    """A workshop at a location: the seats it may hand out and how many at a time. Its row is the lock on room.

    ``rank`` 0 is the workshop's first choice, higher ones are its alternates. ``imported`` says that the range is the
    author's; the operator's own is left alone by the import. A closed placement takes nobody, who is in stays.
    """

    __tablename__ = "placements"
    __table_args__ = (
        UniqueConstraint("workshop_id", "location_id"),
        CheckConstraint("first_seat BETWEEN 1 AND last_seat", name="placements_range_is_in_order"),
        CheckConstraint("capacity >= 0", name="placements_capacity_is_not_negative"),
        CheckConstraint("first_seat < last_seat OR NOT speaker_seat", name="placements_speaker_is_not_alone"),
        CheckConstraint("ready_minimum >= 0", name="placements_ready_minimum_is_not_negative"),
        CheckConstraint("ready_maximum >= 0", name="placements_ready_maximum_is_not_negative"),
        Index("placements_with_ready_seats", "id", postgresql_where=text("ready_minimum > 0 OR ready_maximum > 0")),
        Index("placements_range_reset", "id", postgresql_where=text("range_reset IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workshop_id: Mapped[int] = mapped_column(ForeignKey("workshops.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    first_seat: Mapped[int]
    last_seat: Mapped[int]
    capacity: Mapped[int]
    #: the last seat is the speaker's, and out of public reach
    speaker_seat: Mapped[bool] = mapped_column(server_default=false())
    rank: Mapped[int] = mapped_column(server_default="0")
    imported: Mapped[bool] = mapped_column(server_default=true())
    closed_at: Mapped[datetime | None]
    #: the operator's choice: seats are reset all together, when the last one is out
    reset_range: Mapped[bool] = mapped_column(server_default=false())
    #: nobody is let in while this is set
    range_reset: Mapped[RangeReset | None] = state_column(RangeReset, nullable=True)

    #: the operator's choice: so many seats are deployed ahead, and with the demand up to so many
    ready_minimum: Mapped[int] = mapped_column(server_default="0")
    ready_maximum: Mapped[int] = mapped_column(server_default="0")
    #: of seats that could not be: how many in a row, and when the next one is tried
    ready_failures: Mapped[int] = mapped_column(server_default="0")
    ready_retry_at: Mapped[datetime | None]

    workshop: Mapped[Workshop] = relationship(lazy="raise")
    location: Mapped[Location] = relationship(lazy="raise")

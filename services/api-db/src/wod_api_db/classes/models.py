"""Classes: seats of a workshop that an instructor has booked for a time, and whom he has invited."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wod_api_db.db import Base
from wod_api_db.workshops.models import Placement, Workshop

_BOOKED = text("ended_at IS NULL")


class Class(Base):
    """``seats`` are the participants', at a time; the speaker's is one more. They are booked until ``ended_at`` is set.

    Its labs are made from ``deploy_from`` on, participants are let in from ``opens_at`` on. Whoever changes it, or ends
    its registrations, locks its row first, then theirs by their ids, then the placement's.
    """

    __tablename__ = "classes"
    __table_args__ = (
        CheckConstraint("seats >= 1", name="classes_have_a_seat"),
        CheckConstraint("starts_at < ends_at", name="classes_begin_before_they_end"),
        CheckConstraint("deploy_from <= opens_at AND opens_at <= starts_at", name="classes_open_before_they_begin"),
        Index("classes_booked", "placement_id", postgresql_where=_BOOKED),
        Index("classes_ending", "ends_at", postgresql_where=_BOOKED),
        Index("classes_of_account", "account_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: what participants type, without its dash
    code: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    #: whose it is; None when the account is gone, and ``instructor`` stays
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    instructor: Mapped[str]
    workshop_id: Mapped[int] = mapped_column(ForeignKey("workshops.id"))
    placement_id: Mapped[int] = mapped_column(ForeignKey("placements.id"))
    seats: Mapped[int]
    speaker_seat: Mapped[bool]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    opens_at: Mapped[datetime]
    #: from the location's pace at ``measured_at``: so early that every lab is there when it opens
    deploy_from: Mapped[datetime]
    measured_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: the seats have gone out of public reach; set by the sweep, so that whoever shows the room hears of it
    held_at: Mapped[datetime | None]
    #: how often what its invitations say has changed: the SEQUENCE of their calendar file
    revision: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    #: ``time``, or ``instructor`` for whoever ended it by hand
    end_reason: Mapped[str | None]

    workshop: Mapped[Workshop] = relationship(lazy="raise")
    placement: Mapped[Placement] = relationship(lazy="raise")


class Invitation(Base):
    """A person of a class's roster. He takes part by registering with the class's code, from whatever address."""

    __tablename__ = "class_invitations"
    __table_args__ = (
        UniqueConstraint("class_id", "email_key"),
        Index("class_invitations_of_person", "email_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    class_id: Mapped[int] = mapped_column(ForeignKey("classes.id"))
    email: Mapped[str]
    email_key: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    taught: Mapped[Class] = relationship(lazy="raise")

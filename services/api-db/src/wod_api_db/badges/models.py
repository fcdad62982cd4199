"""Badges: one per address and workshop, and special ones for the number of workshops."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wod_api_db.db import Base
from wod_api_db.workshops.models import Workshop


class SpecialBadge(Base):
    """For ``threshold`` distinct workshops finished under one address."""

    __tablename__ = "special_badges"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    threshold: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    #: URL or bare name of a picture; empty where ours is drawn
    badge_img: Mapped[str] = mapped_column(server_default="")


class Badge(Base):
    """Of a workshop, or a special one. ``token`` is in the link that its owner shares."""

    __tablename__ = "badges"
    __table_args__ = (
        CheckConstraint(
            "(workshop_id IS NULL) <> (special_badge_id IS NULL)", name="badges_are_of_a_workshop_or_special"
        ),
        Index(
            "badges_one_per_workshop",
            "email_key",
            "workshop_id",
            unique=True,
            postgresql_where=text("workshop_id IS NOT NULL"),
        ),
        Index(
            "badges_one_of_each_special",
            "email_key",
            "special_badge_id",
            unique=True,
            postgresql_where=text("special_badge_id IS NOT NULL"),
        ),
        Index("badges_of_registration", "registration_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    token: Mapped[UUID] = mapped_column(unique=True, server_default=func.gen_random_uuid())
    email_key: Mapped[str]
    workshop_id: Mapped[int | None] = mapped_column(ForeignKey("workshops.id"))
    special_badge_id: Mapped[int | None] = mapped_column(ForeignKey("special_badges.id"))
    #: the one that earned it
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"))
    awarded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: the owner's name, where he wants it on the badge's page
    shown_name: Mapped[str] = mapped_column(server_default="")

    workshop: Mapped[Workshop | None] = relationship(lazy="raise")
    special: Mapped[SpecialBadge | None] = relationship(lazy="raise")

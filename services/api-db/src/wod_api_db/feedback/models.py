"""What a person thinks of the workshop."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.db import Base


class Feedback(Base):
    """One for each registration; who gives it again changes it."""

    __tablename__ = "feedback"
    __table_args__ = (
        CheckConstraint("rating BETWEEN 1 AND 5", name="feedback_rating_is_a_rating"),
        Index("feedback_by_time", "given_at", "registration_id"),
    )

    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), primary_key=True)
    #: from 1, which is bad, to 5
    rating: Mapped[int]
    text: Mapped[str]
    given_at: Mapped[datetime] = mapped_column(server_default=func.now())

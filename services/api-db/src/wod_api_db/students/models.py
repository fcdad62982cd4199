"""Seats: numbered, re-usable accounts. A student is not a person."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.columns import state_column
from wod_api_db.db import Base
from wod_api_db.students.states import StudentState


class Student(Base):
    """``generation`` counts the assignments of the seat, ``sequence`` the commands of the present one."""

    __tablename__ = "students"
    __table_args__ = (
        UniqueConstraint("location_id", "number"),
        CheckConstraint("number >= 1", name="students_count_from_one"),
        Index("students_prepared", "prepared_placement_id", postgresql_where=text("prepared_placement_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    number: Mapped[int]
    state: Mapped[StudentState] = state_column(StudentState, "free")
    generation: Mapped[int] = mapped_column(server_default="0")
    sequence: Mapped[int] = mapped_column(server_default="0")
    #: kept from the report of the CREATE until the seat is cleaned
    sealed_password: Mapped[str | None]
    #: what was deployed ahead, or is being: for which placement, from which content; and since when it is ready
    prepared_placement_id: Mapped[int | None] = mapped_column(ForeignKey("placements.id"))
    prepared_version: Mapped[str | None]
    prepared_at: Mapped[datetime | None]

    def forget_prepared(self) -> None:
        """Nothing that was made ahead is in the seat any more, or it is handed over."""
        self.prepared_placement_id = self.prepared_version = self.prepared_at = None

    @property
    def username(self) -> str:
        return f"student{self.number}"

"""Locations: back ends with a hub, a gate and an interval of seats."""

from sqlalchemy import CheckConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.db import Base


class Location(Base):
    """Student ``N`` of a location has the global id ``basestdid + N``; the intervals may not overlap."""

    __tablename__ = "locations"
    __table_args__ = (
        ExcludeConstraint(
            (text("int8range(basestdid + 1, basestdid + seats + 1)"), "&&"),
            using="gist",
            name="locations_seats_do_not_overlap",
        ),
        CheckConstraint("basestdid >= 0 AND seats >= 0", name="locations_seats_are_counted_from_zero"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(unique=True)
    fqdn: Mapped[str]
    basestdid: Mapped[int]
    seats: Mapped[int]
    gate_host: Mapped[str]
    gate_port: Mapped[int] = mapped_column(server_default="10025")
    admin_user: Mapped[str] = mapped_column(server_default="wodadmin")
    hub_url: Mapped[str]

    @property
    def command_address(self) -> str:
        return f"{self.admin_user}@{self.fqdn}"

"""Locations: back ends with a hub, a gate and an interval of seats."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, Text, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.columns import state_column
from wod_api_db.db import Base


class Transport(StrEnum):
    """How commands reach the location: mail to its gate, or straight to its agent."""

    SMTP = "smtp"
    REST = "rest"


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
    #: what partners of the original's API are told: a lab is at ``proto://fqdn:port``
    proto: Mapped[str] = mapped_column(server_default="https")
    port: Mapped[int] = mapped_column(server_default="443")
    transport: Mapped[Transport] = state_column(Transport, "smtp")
    #: REST transport only
    agent_url: Mapped[str] = mapped_column(server_default="")
    sealed_agent_token: Mapped[str | None]
    #: takes nobody new since; who is in stays
    drained_at: Mapped[datetime | None]
    #: None until the agent reports for the first time: a listed peer's agent never does
    last_heartbeat_at: Mapped[datetime | None]
    #: since when its heartbeats have come without a gap and said the same of the hub
    steady_since: Mapped[datetime | None]
    #: the operator was told that it is silent, or that its hub does not answer
    unhealthy_since: Mapped[datetime | None]
    #: what its agent can do for a workshop (``wod_common.capabilities``); None of one that has never told
    capabilities: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    #: the agent's last report of itself
    health: Mapped[dict[str, Any]] = mapped_column(server_default="{}")

    @property
    def command_address(self) -> str:
        return f"{self.admin_user}@{self.fqdn}"

"""Accounts of operators and agents. Visitors have none."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.accounts.tokens import Role
from wod_api_db.columns import state_column
from wod_api_db.db import Base


class Account(Base):
    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("(role = 'agent') = (location_id IS NOT NULL)", name="accounts_agents_have_a_location"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str]
    #: None where the organisation's own sign-in service answers for it
    password_hash: Mapped[str | None]
    #: who it is at that service, ``<issuer>#<sub>``; its role follows what the service says at each sign-in
    subject: Mapped[str | None] = mapped_column(unique=True)
    role: Mapped[Role] = state_column(Role)
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: access tokens made before count no more: role, location or password was changed then
    tokens_valid_after: Mapped[datetime | None]


class WorkerSighting(Base):
    """A worker process and when it was last at work, for ``/readyz``."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())

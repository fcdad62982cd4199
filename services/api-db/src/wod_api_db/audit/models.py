"""What operators did, a row each."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.db import Base


class AuditEntry(Base):
    """``object_type`` and ``object_id`` name what was acted on, ``data`` what was asked for; nothing secret in it."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("audit_of_object", "object_type", "object_id", "id"),
        Index("audit_of_account", "username", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    #: None where the command line acted
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    #: kept when the account is gone
    username: Mapped[str]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default="{}")

"""What an operator has to know of, a row each; new ones go out together by mail."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.db import Base


class Notice(Base):
    __tablename__ = "notices"
    __table_args__ = (
        Index("notices_to_mail", "id", postgresql_where=text("mailed_at IS NULL")),
        Index("notices_mailed", "mailed_at"),
        Index("notices_of_registration", "registration_id", postgresql_where=text("registration_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    #: e.g. ``deployment-failed``, ``seat-broken``, ``mail-failed``, ``location-silent``
    kind: Mapped[str]
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    registration_id: Mapped[int | None] = mapped_column(ForeignKey("registrations.id"))
    #: what happened and what to do, nothing secret
    text: Mapped[str]
    #: when it was put into a mail; whether that arrived is in the mail's row
    mailed_at: Mapped[datetime | None]

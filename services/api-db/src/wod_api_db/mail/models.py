"""Outgoing mails, a row each."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from wod_api_db.columns import state_column, state_in
from wod_api_db.db import Base
from wod_api_db.mail.states import MailState


class Mail(Base):
    """The text is made at sending, from the registration; ``dedup_key`` says what must not be sent twice."""

    __tablename__ = "mails"
    __table_args__ = (
        Index("mails_due", "due_at", postgresql_where=state_in(MailState.QUEUED, MailState.SENDING)),
        Index("mails_failed", "created_at", postgresql_where=state_in(MailState.FAILED)),
        Index("mails_of_registration", "registration_id"),
        Index("mails_of_invitation", "invitation_id", postgresql_where=text("invitation_id IS NOT NULL")),
        Index("mails_by_time", "created_at", "id"),
        Index("mails_of_recipient", func.lower(text("recipient"))),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: None for a mail to the operator, and for the mails of a class
    registration_id: Mapped[int | None] = mapped_column(ForeignKey("registrations.id"))
    #: to somebody of a class's roster
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("class_invitations.id", ondelete="SET NULL"))
    template: Mapped[str]
    #: for a mail to the operator empty until it is sent: the setting at that moment counts
    recipient: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    dedup_key: Mapped[str] = mapped_column(unique=True)
    state: Mapped[MailState] = state_column(MailState, "queued")
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    #: what the template needs beside the registration
    data: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    #: taken by the relay, and come back later; ``error`` says why
    bounced_at: Mapped[datetime | None]


class MailOptout(Base):
    """An address that wants nothing but what its workshop needs."""

    __tablename__ = "mail_optouts"

    email_key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

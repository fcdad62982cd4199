"""Every query about mails."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from wod_api_db.mail.models import Mail, MailOptout
from wod_api_db.mail.states import MailState
from wod_api_db.registrations.models import Registration
from wod_api_db.searching import mentions
from wod_common.problems import Unprocessable

OPEN = (MailState.QUEUED, MailState.SENDING)
DUE = Mail.state.in_(OPEN) & (Mail.due_at <= func.now())


def _may_leave() -> ColumnElement[bool]:
    """Due, and no earlier mail of its registration is still to leave: a person is not sent the second one first."""
    earlier = aliased(Mail)
    before = (
        exists()
        .where(
            earlier.registration_id == Mail.registration_id,
            earlier.state.in_(OPEN),
            tuple_(earlier.created_at, earlier.id) < tuple_(Mail.created_at, Mail.id),
        )
        .correlate(Mail)
    )
    return DUE & ~before


async def claim(session: AsyncSession, mail_id: UUID, lease: timedelta) -> Mail | None:
    """The mail in state ``sending`` until the lease is over; None where it may not leave now."""
    statement = (
        update(Mail)
        .where(Mail.id == mail_id, _may_leave())
        .values(state=MailState.SENDING, attempts=Mail.attempts + 1, due_at=func.now() + lease)
        .returning(Mail)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def due(session: AsyncSession, limit: int = 50) -> Sequence[tuple[UUID, int]]:
    """Id and attempts of mails to be sent, or sent again."""
    query = select(Mail.id, Mail.attempts).where(_may_leave()).order_by(Mail.due_at).limit(limit)
    return [(identity, attempts) for identity, attempts in await session.execute(query)]


async def following(session: AsyncSession, registration_id: int) -> Sequence[tuple[UUID, int]]:
    """The registration's mail that may leave now, if there is one."""
    query = select(Mail.id, Mail.attempts).where(Mail.registration_id == registration_id, _may_leave())
    return [(identity, attempts) for identity, attempts in await session.execute(query)]


async def find(session: AsyncSession, mail_id: UUID) -> Mail | None:
    return await session.get(Mail, mail_id)


async def lock(session: AsyncSession, mail_id: UUID) -> Mail:
    """After its registration's row, as everywhere."""
    query = select(Mail).where(Mail.id == mail_id).with_for_update().execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one()


@dataclass(frozen=True)
class Sent:
    """How many mails of a kind there are, and whether one is so fresh that it is still on its way."""

    in_all: int
    lately: bool


async def credentials_sent(session: AsyncSession, registration_id: int, fresh: timedelta) -> Sent:
    of_kind = (Mail.registration_id == registration_id) & (Mail.template == "credentials")
    lately = func.coalesce(func.bool_or(Mail.created_at > func.now() - fresh), False)
    row = (await session.execute(select(func.count(), lately).where(of_kind))).one()
    return Sent(row[0], row[1])


@dataclass(frozen=True)
class Filters:
    """None asks for nothing."""

    state: MailState | None = None
    template: str | None = None
    registration: int | None = None
    recipient: str | None = None
    wanted: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        asked = (
            (Mail.state, self.state),
            (Mail.template, self.template),
            (Mail.registration_id, self.registration),
            (func.lower(Mail.recipient), self.recipient.lower() if self.recipient else None),
        )
        found = [mentions(self.wanted, Mail.recipient)] if self.wanted is not None else []
        return found + [column == value for column, value in asked if value is not None]


async def page(
    session: AsyncSession, filters: Filters, cursor: str | None, limit: int
) -> tuple[Sequence[Mail], str | None]:
    """The latest first, and the cursor of the next page. Raises Unprocessable on a cursor that is none."""
    query = select(Mail).where(*filters.conditions())
    if cursor is not None:
        query = query.where(tuple_(Mail.created_at, Mail.id) < _read(cursor))
    query = query.order_by(Mail.created_at.desc(), Mail.id.desc()).limit(limit + 1)
    rows = (await session.execute(query)).scalars().all()
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], _cursor_of(rows[limit - 1])


def _cursor_of(mail: Mail) -> str:
    return base64.urlsafe_b64encode(f"{mail.created_at.isoformat()} {mail.id}".encode()).decode()


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        moment, _, identity = base64.urlsafe_b64decode(cursor.encode()).decode().rpartition(" ")
        return datetime.fromisoformat(moment).astimezone(UTC), UUID(identity)
    except (binascii.Error, ValueError, OverflowError) as error:
        message = f"{cursor!r} is not a cursor of this list; begin again without one"
        raise Unprocessable(f"cursor: {message}", errors=[{"field": "cursor", "message": message}]) from error


async def opt_out(session: AsyncSession, email_key: str) -> None:
    await session.execute(insert(MailOptout).values(email_key=email_key).on_conflict_do_nothing())


async def opted_out(session: AsyncSession, email_key: str) -> bool:
    return await session.get(MailOptout, email_key) is not None


async def trouble(session: AsyncSession, registration_id: int) -> str | None:
    """One sentence for the person's page where our mails do not reach the address; None where nothing is known of it.

    What was written to an address that has been corrected since does not count.
    """
    query = (
        select(Mail)
        .join(Registration, Registration.id == Mail.registration_id)
        .where(
            Mail.registration_id == registration_id,
            Mail.recipient == Registration.email,
            Mail.state.in_((MailState.SENT, MailState.FAILED)),
        )
        .order_by(Mail.created_at.desc())
    )
    settled = (await session.execute(query)).scalars().all()
    # the last of all, and the last with the password: one that was sent again and arrived makes up for the lost one
    credentials = [mail for mail in settled if mail.template == "credentials"]
    lost = next((mail for mail in (*settled[:1], *credentials[:1]) if _is_lost(mail)), None)
    return _sentence(lost) if lost else None


def _is_lost(mail: Mail) -> bool:
    return mail.state is MailState.FAILED or mail.bounced_at is not None


def _sentence(mail: Mail) -> str:
    domain = mail.recipient.rpartition("@")[2]
    what = "the mail with your password" if mail.template == "credentials" else "our mail"
    if mail.bounced_at is None and not (mail.error or "").startswith("5"):
        return f"We could not deliver {what} to {domain}, though we tried for long: write to us, and we send it again."
    return (
        f"The mail server of {domain} refused {what}: check the address you gave, and correct it if it is mistyped, "
        "or register again with another one."
    )

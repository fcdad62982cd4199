"""Every query about what is held of a person."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, TextClause, case, delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload

from wod_api_db.audit.models import AuditEntry
from wod_api_db.badges.models import Badge
from wod_api_db.commands.models import CommandEventRow, CommandRow
from wod_api_db.mail.models import Mail, MailOptout
from wod_api_db.mail.states import MailState
from wod_api_db.notices.models import Notice
from wod_api_db.registrations.models import Registration, RegistrationEvent

#: Written out, as the partial index has it; see ``columns.state_in``.
_ERASING = text("pseudonymised_at IS NULL AND email = ''")
_CLEAN = or_(Registration.cleaned_at.is_not(None), Registration.student_id.is_(None))


async def ids_of(session: AsyncSession, email_key: str) -> Sequence[int]:
    query = select(Registration.id).where(Registration.email_key == email_key).order_by(Registration.id)
    return (await session.execute(query)).scalars().all()


async def read(session: AsyncSession, ids: Sequence[int]) -> Sequence[Registration]:
    query = (
        select(Registration)
        .where(Registration.id.in_(ids))
        .options(joinedload(Registration.student), joinedload(Registration.workshop), joinedload(Registration.location))
        .order_by(Registration.id)
    )
    return (await session.execute(query)).scalars().all()


async def stories(session: AsyncSession, ids: Sequence[int]) -> Sequence[RegistrationEvent]:
    query = select(RegistrationEvent).where(RegistrationEvent.registration_id.in_(ids)).order_by(RegistrationEvent.id)
    return (await session.execute(query)).scalars().all()


async def mails(session: AsyncSession, ids: Sequence[int]) -> Sequence[Mail]:
    query = select(Mail).where(Mail.registration_id.in_(ids)).order_by(Mail.created_at, Mail.id)
    return (await session.execute(query)).scalars().all()


async def badges(session: AsyncSession, ids: Sequence[int]) -> Sequence[Badge]:
    query = (
        select(Badge)
        .where(Badge.registration_id.in_(ids))
        .options(joinedload(Badge.workshop), joinedload(Badge.special))
        .order_by(Badge.id)
    )
    return (await session.execute(query)).scalars().all()


async def withhold_mails(session: AsyncSession, registration_id: int) -> None:
    """Nothing says any more to whom mails went; those that have not left do not leave."""
    is_open = Mail.state.in_((MailState.QUEUED, MailState.SENDING))
    await session.execute(
        update(Mail)
        .where(Mail.registration_id == registration_id)
        .values(
            recipient="",
            data={},
            error=case(
                (is_open, "withheld: the person's data were erased"),
                (Mail.state == MailState.WITHHELD, Mail.error),  # our own words
                else_=None,
            ),
            state=case((is_open, MailState.WITHHELD), else_=Mail.state),
        )
        .execution_options(synchronize_session=False)
    )


async def forget_optout(session: AsyncSession, email_key: str) -> None:
    """An address that no registration names any more is kept nowhere; one that is still written to stays opted out."""
    still_held = select(Registration.id).where(Registration.email_key == email_key).exists()
    await session.execute(
        delete(MailOptout)
        .where(MailOptout.email_key == email_key, ~still_held)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True)
class PersonalText:
    """A column of a row that may hold something personal."""

    row: Any
    column: str

    def erase(self, erase: Callable[[Any], Any]) -> None:
        held = getattr(self.row, self.column)
        left = erase(held)
        if left != held:
            setattr(self.row, self.column, left)


async def texts_about(session: AsyncSession, registration_id: int) -> list[PersonalText]:
    """Story, errors of commands, notices and audit of a registration."""
    of_audit = (AuditEntry.object_type == "registration") & (AuditEntry.object_id == str(registration_id))
    sources: tuple[tuple[type[Any], ColumnElement[bool], str], ...] = (
        (RegistrationEvent, RegistrationEvent.registration_id == registration_id, "data"),
        (CommandRow, CommandRow.registration_id == registration_id, "error"),
        (Notice, Notice.registration_id == registration_id, "text"),
        (AuditEntry, of_audit, "data"),
    )
    found: list[PersonalText] = []
    for entity, condition, column in sources:
        rows = (await session.execute(select(entity).where(condition))).scalars()
        found.extend(PersonalText(row, column) for row in rows)
    return found


async def move_badges(session: AsyncSession, registration_id: int, key: str) -> None:
    """The registration's badges under another key and without a name; one that this key has already is dropped."""
    held = aliased(Badge)
    twice = (
        select(held.id)
        .where(
            held.email_key == key,
            held.id != Badge.id,
            or_(held.workshop_id == Badge.workshop_id, held.special_badge_id == Badge.special_badge_id),
        )
        .exists()
    )
    of_registration = Badge.registration_id == registration_id
    options = {"synchronize_session": False}
    await session.execute(delete(Badge).where(of_registration, twice).execution_options(**options))
    kept = update(Badge).where(of_registration).values(email_key=key, shown_name="")
    await session.execute(kept.execution_options(**options))


async def delete_reports(session: AsyncSession, registration_id: int) -> None:
    commands = select(CommandRow.id).where(CommandRow.registration_id == registration_id)
    await session.execute(
        delete(CommandEventRow)
        .where(CommandEventRow.command_id.in_(commands))
        .execution_options(synchronize_session=False)
    )


async def claim_old(session: AsyncSession, retention: timedelta, limit: int) -> Sequence[Registration]:
    """Registrations that ended too long ago, the oldest first, locked; what others hold is passed over."""
    due = (
        Registration.ended_at.is_not(None)
        & (Registration.ended_at <= func.now() - retention)
        & Registration.pseudonymised_at.is_(None)
        & (Registration.email != "")
    )
    return await _claim(session, due, Registration.ended_at, limit)


async def claim_erasing(session: AsyncSession, limit: int) -> Sequence[Registration]:
    """Erased registrations whose seat has become clean since."""
    return await _claim(session, _CLEAN & _ERASING, Registration.id, limit)


async def _claim(
    session: AsyncSession, condition: ColumnElement[bool] | TextClause, order: Any, limit: int
) -> Sequence[Registration]:
    query = select(Registration).where(condition).order_by(order).limit(limit).with_for_update(skip_locked=True)
    return (await session.execute(query)).scalars().all()

"""Our rows as the legacy wire shows them: what the original stores and we do not is computed here."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.models import Account
from wod_api_db.legacy import repository
from wod_api_db.legacy.access import ROLES
from wod_api_db.legacy.schemas import (
    CustomerRow,
    ListedWorkshopRow,
    LocationRow,
    StudentRow,
    UserRow,
    WorkshopRow,
)
from wod_api_db.locations.models import Location
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationState
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, Workshop

LastEmail = Literal["welcome", "credentials", "expiring", "expired", "error", "unregister"]

#: The portal that a registration came through is not kept; this is the original's own.
PROXY = "hackshack"
#: Our templates in the order in which a registration sees them, with the original's words.
_MAILS: tuple[tuple[str, LastEmail], ...] = (
    ("failed", "error"),
    ("ended", "expired"),
    ("expiring", "expiring"),
    ("credentials", "credentials"),
    ("welcome", "welcome"),
)
_UNASSIGNED = (StudentState.FREE, StudentState.PREPARING, StudentState.READY)
_ACTIVE = (RegistrationState.RUNNING, RegistrationState.EXPIRING)


def user(account: Account) -> UserRow:
    return UserRow(
        id=account.id,
        username=account.username,
        email=account.email,
        roles=ROLES[account.role],
        created_at=account.created_at,
    )


def location(row: Location) -> LocationRow:
    return LocationRow(id=row.id, name=row.fqdn, basestdid=row.basestdid, proto=row.proto, port=row.port)


def is_assigned(row: Student) -> bool:
    return row.state not in _UNASSIGNED


def student(row: Student, where: Location) -> StudentRow:
    return StudentRow(
        id=row.id, url=where.hub_url, username=row.username, assigned=is_assigned(row), location=where.fqdn
    )


async def workshop(session: AsyncSession, row: Workshop) -> WorkshopRow:
    places = await repository.placements(session, [row.id])
    return _workshop(row, places[row.id])


async def workshops(session: AsyncSession, rows: Sequence[Workshop]) -> list[WorkshopRow]:
    places = await repository.placements(session, [row.id for row in rows])
    return [_workshop(row, places[row.id]) for row in rows]


async def listed(session: AsyncSession, rows: Sequence[Workshop], popular: set[int]) -> list[ListedWorkshopRow]:
    return [ListedWorkshopRow(**row.model_dump(), popular=row.id in popular) for row in await workshops(session, rows)]


def _workshop(row: Workshop, places: Sequence[tuple[Placement, int]]) -> WorkshopRow:
    first = places[0][0] if places else None
    return WorkshopRow(
        id=row.id,
        name=row.name,
        notebook=row.notebook,
        description=row.description,
        capacity=sum(left for _, left in places),
        priority=row.priority,
        range=[first.first_seat, first.last_seat] if first else [],
        reset=row.reset,
        varpass=row.varpass,
        ldap=row.ldap,
        monoappliance=row.monoappliance,
        multiappliance=row.multiappliance,
        beta=row.beta,
        session_id=row.notebook,
        session_type=row.session_type,
        location=first.location.fqdn if first else "",
        avatar=row.avatar,
        role=row.role,
        pre_requisite=row.pre_requisite,
        replay_link=row.replay_link,
        active=row.active and row.retired_at is None,
        workshop_img=row.workshop_img,
        badge_img=row.badge_img,
        replay_id=row.replay_id,
        compile=",".join(row.compile) or None,
        category=row.category,
        alternate_location=[place.location.fqdn for place, _ in places[1:]],
        duration=row.duration.total_seconds() / 3600,
        presenter=row.presenter,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def customer(session: AsyncSession, row: Registration) -> CustomerRow:
    return (await customers(session, [row]))[0]


async def customers(session: AsyncSession, rows: Sequence[Registration]) -> list[CustomerRow]:
    ids = [row.id for row in rows]
    sent = await repository.mails_sent(session, ids)
    cleaned = await repository.cleaned_up(session, ids)
    badges = await repository.special_badges(session, ids)
    return [_customer(row, sent[row.id], row.id in cleaned, badges.get(row.id)) for row in rows]


def is_active(row: Registration) -> bool:
    return row.state in _ACTIVE


def end_of(row: Registration) -> datetime:
    """The end as far as it is known: while nothing runs yet, what it would be if it ran since the registration."""
    return row.ended_at or row.ends_at or row.created_at + row.duration


def last_email(row: Registration, sent: set[str]) -> LastEmail | None:
    last = next((word for template, word in _MAILS if template in sent), None)
    by_hand = row.state is RegistrationState.CANCELLED or row.end_reason in {"person", "operator"}
    return "unregister" if by_hand and last not in {"expired", "error"} else last


def _customer(row: Registration, sent: set[str], cleaned: bool, badge: int | None) -> CustomerRow:
    return CustomerRow(
        id=row.id,
        name=row.name,
        email=row.email,
        company=row.company,
        session_name=row.workshop.name,
        session_type=row.workshop.session_type,
        location=row.place.fqdn,
        proxy=PROXY,
        active=is_active(row),
        # the original's RESET and PURGE wait for this: it is the CLEANUP's end, not the seat's
        cleaned=cleaned or row.cleaned_at is not None,
        last_email_sent=last_email(row, sent),
        notebook=row.workshop.notebook,
        hours=row.duration.total_seconds() / 3600,
        start_date=row.clock_started_at or row.ready_at or row.created_at,
        end_date=end_of(row),
        student_id=row.student_id,
        special_badge_id=badge,
        completion_percentage=row.completion,
        created_at=row.created_at,
        updated_at=_latest(row.created_at, row.ready_at, row.clock_started_at, row.ended_at, row.cleaned_at),
    )


def _latest(first: datetime, *moments: datetime | None) -> datetime:
    return max(_known(moments), default=first)


def _known(moments: Iterable[datetime | None]) -> list[datetime]:
    return [moment for moment in moments if moment is not None]

"""The queries that only the legacy wire asks."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from wod_api_db.accounts.models import Account
from wod_api_db.badges.models import Badge
from wod_api_db.commands.models import CommandRow
from wod_api_db.locations.models import Location
from wod_api_db.mail.models import Mail
from wod_api_db.notices.models import Notice
from wod_api_db.pauses.models import Pause
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.room import room
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Placement, Workshop
from wod_common.commands import CommandState, Verb

#: The original lists every customer there ever was; its parts look at the latest.
LISTED = 5000


#: A retired workshop is open to nobody.
IS_OPEN = Workshop.active & Workshop.retired_at.is_(None)
_SOMEBODY_IN = (
    exists()
    .where(
        Placement.workshop_id == Workshop.id,
        Registration.placement_id == Placement.id,
        Registration.cleaned_at.is_(None),
        Registration.student_id.is_not(None),
    )
    .correlate(Workshop)
)
#: A back end looks a retired workshop up as long as it has seats of it to clean.
_SHOWN = or_(Workshop.retired_at.is_(None), _SOMEBODY_IN)


async def workshops(session: AsyncSession, condition: ColumnElement[bool] | None = None) -> Sequence[Workshop]:
    query = select(Workshop).where(_SHOWN).order_by(Workshop.priority, Workshop.name)
    return (await session.execute(query if condition is None else query.where(condition))).scalars().all()


async def workshop(session: AsyncSession, workshop_id: int) -> Workshop | None:
    return (await session.execute(select(Workshop).where(Workshop.id == workshop_id, _SHOWN))).scalar_one_or_none()


async def placements(session: AsyncSession, workshop_ids: Collection[int]) -> dict[int, list[tuple[Placement, int]]]:
    """By workshop, the first choice first, each with its room."""
    query = (
        select(Placement, room())
        .options(joinedload(Placement.location))
        .where(Placement.workshop_id.in_(workshop_ids))
        .order_by(Placement.rank, Placement.id)
    )
    found: dict[int, list[tuple[Placement, int]]] = defaultdict(list)
    for placement, left in await session.execute(query):
        found[placement.workshop_id].append((placement, left))
    return found


async def open_workshop(session: AsyncSession, name: str) -> Workshop | None:
    """By its name, as the original's portal says it, or by its folder's."""
    query = (
        select(Workshop)
        .where((Workshop.name == name) | (Workshop.notebook == name), Workshop.retired_at.is_(None), Workshop.active)
        .order_by(Workshop.priority, Workshop.id)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def lock_first_placement(session: AsyncSession, workshop_id: int) -> Placement | None:
    query = (
        select(Placement)
        .where(Placement.workshop_id == workshop_id)
        .order_by(Placement.rank, Placement.id)
        .limit(1)
        .with_for_update()
    )
    return (await session.execute(query)).scalar_one_or_none()


def _uncleaned() -> Select[int]:
    return (
        select(func.count())
        .select_from(Registration)
        .where(Registration.cleaned_at.is_(None), Registration.student_id.is_not(None))
    )


async def uncleaned_in(session: AsyncSession, placement_id: int) -> int:
    return (await session.execute(_uncleaned().where(Registration.placement_id == placement_id))).scalar_one()


async def has_capacity(session: AsyncSession, workshop_id: int) -> list[bool]:
    """Of each placement that may take somebody, whether it is short of seats only; empty where there is none."""
    inside = _uncleaned().where(Registration.placement_id == Placement.id).correlate(Placement).scalar_subquery()
    query = (
        select(Placement.capacity > inside)
        .join(Location, Location.id == Placement.location_id)
        .where(Placement.workshop_id == workshop_id, Placement.closed_at.is_(None), Location.drained_at.is_(None))
    )
    return list((await session.execute(query)).scalars())


async def latest(session: AsyncSession) -> Sequence[Registration]:
    """Those that still name a person and have or had a seat, in the order in which they came."""
    query = (
        registrations.whole()
        .where(Registration.pseudonymised_at.is_(None), Registration.student_id.is_not(None))
        .order_by(Registration.id.desc())
        .limit(LISTED)
    )
    return list(reversed((await session.execute(query)).scalars().all()))


async def mails_sent(session: AsyncSession, ids: Collection[int]) -> dict[int, set[str]]:
    query = select(Mail).where(Mail.registration_id.in_(ids), Mail.sent_at.is_not(None))
    sent: dict[int, set[str]] = defaultdict(set)
    for mail in (await session.execute(query)).scalars():
        if mail.registration_id is not None:
            sent[mail.registration_id].add(mail.template)
    return sent


async def cleaned_up(session: AsyncSession, ids: Collection[int]) -> set[int]:
    """Registrations whose CLEANUP has ended well."""
    query = select(CommandRow.registration_id).where(
        CommandRow.registration_id.in_(ids),
        CommandRow.verb.in_((Verb.CLEANUP, Verb.DELETE)),
        CommandRow.state == CommandState.DONE,
    )
    return {row for row in (await session.execute(query)).scalars() if row is not None}


async def special_badges(session: AsyncSession, ids: Collection[int]) -> dict[int, int]:
    query = select(Badge).where(Badge.registration_id.in_(ids), Badge.special_badge_id.is_not(None))
    badges = (await session.execute(query)).scalars()
    return {badge.registration_id: badge.special_badge_id for badge in badges if badge.special_badge_id is not None}


async def students(session: AsyncSession, student_id: int | None = None) -> Sequence[tuple[Student, Location]]:
    query = select(Student, Location).join(Location, Location.id == Student.location_id).order_by(Student.id)
    if student_id is not None:
        query = query.where(Student.id == student_id)
    return [(row[0], row[1]) for row in await session.execute(query)]


async def holder_of(session: AsyncSession, student_id: int) -> int | None:
    """The registration that has not given the seat back."""
    query = select(Registration.id).where(Registration.student_id == student_id, Registration.cleaned_at.is_(None))
    return (await session.execute(query)).scalar_one_or_none()


async def location_by_fqdn(session: AsyncSession, fqdn: str) -> Location | None:
    query = select(Location).where(Location.fqdn == fqdn).order_by(Location.id).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def locations(session: AsyncSession) -> Sequence[Location]:
    return (await session.execute(select(Location).order_by(Location.id))).scalars().all()


async def is_used(session: AsyncSession, location_id: int) -> bool:
    """Whether anything but seats hangs on the location."""
    query = select(
        exists().where(Placement.location_id == location_id)
        | exists().where(Registration.location_id == location_id)
        | exists().where(Account.location_id == location_id)
        | exists().where(Pause.location_id == location_id)
        | exists().where(Notice.location_id == location_id)
    )
    return (await session.execute(query)).scalar_one()

"""Taking in a class's roster: whoever is new on it is invited, once, however often it is uploaded."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.classes import posting, repository, service
from wod_api_db.classes.models import Invitation
from wod_api_db.classes.roster import MOST_ERRORS, BrokenRoster, Person, read_roster
from wod_api_db.classes.schemas import RosterAnswer
from wod_api_db.registrations.addresses import DenyList
from wod_common.problems import Unprocessable

#: A class has more people on its roster than seats, for not everybody comes.
_OVERBOOKED = 2


async def take(
    session: AsyncSession, claims: Claims, class_id: int, raw: bytes, deny: DenyList, *, dry_run: bool
) -> RosterAnswer:
    """All of it or nothing. Raises NotFound, Conflict, and Unprocessable with every broken line."""
    taught = await service.locked(session, claims, class_id)
    try:
        people = await asyncio.to_thread(read_roster, raw, deny, taught.seats * _OVERBOOKED)
    except BrokenRoster as broken:
        raise _refusal(broken) from broken
    known = {invitation.email_key for invitation in await repository.invited(session, class_id)}
    new = [person for person in people if person.address.key not in known]
    if len(known) + len(new) > taught.seats * _OVERBOOKED:
        raise Unprocessable(
            f"{len(new)} people would be invited beside {len(known)}, and a class of {taught.seats} seats invites "
            f"{taught.seats * _OVERBOOKED} at most; raise its seats first"
        )
    if not dry_run:
        for person in new:
            await posting.invite(session, taught, await _add(session, class_id, person))
        await record(session, claims, "class.roster", "class", class_id, invited=len(new))
    return RosterAnswer(invited=len(new), already=len(people) - len(new), dry_run=dry_run)


async def _add(session: AsyncSession, class_id: int, person: Person) -> Invitation:
    invitation = Invitation(
        class_id=class_id, email=person.address.email, email_key=person.address.key, name=person.name
    )
    session.add(invitation)
    await session.flush()
    return invitation


def _refusal(broken: BrokenRoster) -> Unprocessable:
    first = broken.errors[0]
    more = f" and {len(broken.errors) - 1} lines more" if len(broken.errors) > 1 else ""
    return Unprocessable(
        f"nobody was invited: line {first.line}: {first.message}{more}",
        errors=[error.wire() for error in broken.errors[:MOST_ERRORS]],
    )

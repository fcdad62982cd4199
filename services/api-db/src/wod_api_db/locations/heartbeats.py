"""What an agent reports of its location every few seconds, and what the operator is told of one that does not."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.locations import heartbeat_repository as repository
from wod_api_db.notices.service import notify
from wod_api_db.registrations import lifecycle
from wod_api_db.workshops import needs
from wod_common.heartbeat import SILENCE_SECONDS, Heartbeat, HeartbeatReceipt, SeatCompletion, SeatInUse, SeatLogin

#: A location is back when it has been well for this long: one that comes and goes is told of once, not every time.
STEADY = timedelta(seconds=SILENCE_SECONDS)

Holder = tuple[int, int]


def why_unhealthy(name: str, *, silent: bool) -> str:
    """Of a location that is not healthy."""
    if silent:
        return f"the agent of {name} has been silent for more than {SILENCE_SECONDS:.0f} s; look at it and the network"
    return f"the agent of {name} says that the hub does not answer; look at the hub"


async def take(session: AsyncSession, location_id: int, heartbeat: Heartbeat) -> HeartbeatReceipt:
    """Keeps the figures, the first logins and how far everyone is; answers who is in."""
    told = {"logins", "completions", "capabilities"}
    await repository.keep(session, location_id, heartbeat.model_dump(mode="json", exclude=told))
    seats = await repository.seats_in_use(session, location_id)
    await _first_logins(session, seats, heartbeat.logins)
    await _completions(session, seats, heartbeat.completions)
    await needs.learn(session, location_id, heartbeat.capabilities)
    return HeartbeatReceipt(
        seats=[SeatInUse(student=row.number, generation=row.generation, seconds_left=row.seconds_left) for row in seats]
    )


async def _first_logins(
    session: AsyncSession, seats: Sequence[Row[*repository.SeatRow]], logins: Sequence[SeatLogin]
) -> None:
    """Heartbeats repeat what they have said, so that a registration somebody works on can wait for the next one."""
    earliest: dict[Holder, datetime] = {}
    for login in logins:
        holder = (login.student, login.generation)
        earliest[holder] = min(login.at, earliest.get(holder, login.at))
    new = {row.id: earliest[row.number, row.generation] for row in seats if _is_new(row, earliest)}
    if not new:
        return
    at_present = await repository.clock(session)
    for registration in await repository.lock_without_login(session, list(new)):
        # the agent's clock may be wrong: nobody logs in before he has registered, or later than now
        registration.first_login_at = max(registration.created_at, min(new[registration.id], at_present))
        registration.no_show_at = None
        await session.flush()
        await lifecycle.tell(session, registration, "first-login")


def _is_new(row: Row[*repository.SeatRow], earliest: dict[Holder, datetime]) -> bool:
    return row.first_login_at is None and (row.number, row.generation) in earliest


async def _completions(
    session: AsyncSession, seats: Sequence[Row[*repository.SeatRow]], completions: Sequence[SeatCompletion]
) -> None:
    """What has not changed costs nothing; a registration somebody works on waits for the next heartbeat, as above."""
    latest = {(one.student, one.generation): one for one in sorted(completions, key=lambda one: one.at)}
    changed = {
        row.id: measured
        for row in seats
        if (measured := latest.get((row.number, row.generation))) and measured.percent != row.completion_so_far
    }
    if changed:
        await repository.keep_completions(session, changed)


async def watch(session: AsyncSession) -> None:
    """The sweep's step: one notice for a location that fails, and one when it is back."""
    for location_id, name, silent in await repository.newly_unhealthy(session):
        why = why_unhealthy(name, silent=silent)
        text = (
            f"{why}. New registrations go elsewhere where they can; POST /locations/{location_id}/drain keeps all away"
        )
        await notify(session, "location-silent", text, location_id=location_id)
    for location_id, name in await repository.newly_back(session, STEADY):
        text = f"{name} is back: its agent reports and its hub answers"
        await notify(session, "location-back", text, location_id=location_id)

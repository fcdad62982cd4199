"""The line in which a location makes labs, as one who stands in it sees it: from rows, at the moment of asking."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.columns import state_in
from wod_api_db.states import OUTSTANDING

#: Of the pace: so many labs made last, none older than a day; fewer than that say more of chance than of the location.
_SAMPLE, _FEWEST = 20, 3

#: Both by partial indexes, of which it reads the line before one's own place and the end of what was made.
#: What one lab costs the others is the time since the one before it was done, or since it was asked for if that came
#: later. Labs that had to wait for the one before them tell the location's pace, with what is made side by side counted
#: as such; those that found nobody before them tell how long one takes, and serve where there is nothing better.
_PLACE = text(f"""
WITH own AS (
    SELECT location_id, created_at, id FROM commands
    WHERE registration_id = :registration AND verb = 'CREATE' AND {state_in(*OUTSTANDING)}
), made AS (
    SELECT created_at, finished_at FROM commands
    WHERE location_id = (SELECT location_id FROM own) AND verb = 'CREATE' AND state = 'done'
        AND finished_at > now() - interval '1 day'
    ORDER BY finished_at DESC LIMIT {_SAMPLE + 1}
), paced AS (
    SELECT created_at, finished_at, lag(finished_at) OVER (ORDER BY finished_at) AS before FROM made
), costs AS (
    SELECT before > created_at AS waited, extract(epoch FROM finished_at - greatest(created_at, before))::float AS cost
    FROM paced WHERE before IS NOT NULL
)
SELECT (
    SELECT count(*) FROM commands AS c JOIN own ON c.location_id = own.location_id
    WHERE (c.created_at, c.id) < (own.created_at, own.id) AND verb = 'CREATE' AND {state_in(*OUTSTANDING)}
), (
    SELECT greatest(percentile_cont(0.5) WITHIN GROUP (ORDER BY cost), avg(cost) / 2) FROM costs
    WHERE waited OR (SELECT count(*) FROM costs WHERE waited) < {_FEWEST}
    HAVING count(*) >= {_FEWEST}
)
""")  # noqa: S608 - put together from constants


@dataclass(frozen=True)
class Place:
    """How many labs are made before one's own, and about how many seconds it takes; None: nobody knows the pace."""

    before: int
    seconds: int | None


async def place_in_queue(session: AsyncSession, registration_id: int) -> Place:
    before, pace = (await session.execute(_PLACE, {"registration": registration_id})).one()
    return Place(before, round((before + 1) * pace) if pace is not None else None)


#: A location that has made a lab within this time goes on; whoever has others before him is looked at again after it.
LATELY = timedelta(minutes=10)
#: All at once, as they stand at this moment: when the first of a line fails, the next is not the first already.
_LET_WAIT = text(f"""
UPDATE registrations SET stuck_at = now() + CAST(:lately AS interval) WHERE id IN (
    SELECT r.id FROM registrations AS r JOIN commands AS own ON own.registration_id = r.id
    WHERE r.state IN ('registered', 'deploying') AND r.stuck_at <= now()
        AND own.verb = 'CREATE' AND own.state IN ('queued', 'sent', 'accepted')
        AND EXISTS (
            SELECT FROM commands WHERE location_id = own.location_id AND (created_at, id) < (own.created_at, own.id)
                AND verb = 'CREATE' AND {state_in(*OUTSTANDING)})
        AND EXISTS (
            SELECT FROM commands WHERE location_id = own.location_id AND verb = 'CREATE' AND state = 'done'
                AND finished_at > now() - CAST(:lately AS interval))
    ORDER BY r.id FOR UPDATE OF r SKIP LOCKED
)""")  # noqa: S608 - put together from constants


async def let_wait(session: AsyncSession) -> None:
    """Of those whose time to get a lab is over: who has others before him in a line that moves has nobody to blame."""
    await session.execute(_LET_WAIT, {"lately": LATELY})

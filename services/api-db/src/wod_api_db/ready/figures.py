"""What seats made ahead were good for, and what they cost: counted from the commands that made them."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.ready.schemas import ReadySeats

#: A seat's next generation is the person who got it; a PURGE in its own generation took it back before that.
_FIGURES = text("""
WITH made AS (
    SELECT c.state, c.finished_at, c.workshop, r.created_at AS taken_at, w.notebook AS taken_for,
        (SELECT min(p.created_at) FROM commands AS p
            WHERE p.student_id = c.student_id AND p.generation = c.generation AND p.verb = 'PURGE') AS purged_at
    FROM commands AS c
    LEFT JOIN registrations AS r ON r.student_id = c.student_id AND r.generation = c.generation + 1
    LEFT JOIN workshops AS w ON w.id = r.workshop_id
    WHERE c.verb = 'PREPARE' AND c.created_at >= :since AND c.created_at < :until
        AND (CAST(:workshop AS text) IS NULL OR c.workshop = :workshop)
        AND (CAST(:location AS integer) IS NULL OR c.location_id = :location)
), judged AS (
    SELECT *, state = 'done' AND purged_at IS NULL AND taken_for = workshop AS found,
        state = 'done' AND (purged_at IS NOT NULL OR taken_for <> workshop) AS lost
    FROM made
)
SELECT count(*) FILTER (WHERE state = 'done') AS prepared,
    count(*) FILTER (WHERE state IN ('failed', 'superseded')) AS failed,
    count(*) FILTER (WHERE found) AS found_ready,
    count(*) FILTER (WHERE lost) AS thrown_away,
    coalesce(sum(extract(epoch FROM coalesce(purged_at, taken_at, now()) - finished_at))
        FILTER (WHERE state = 'done'), 0)::float / 3600 AS idle_seat_hours
FROM judged
""")


async def figures(
    session: AsyncSession, since: datetime, until: datetime, *, workshop: str | None = None, location: int | None = None
) -> ReadySeats:
    """Of the seats that were begun in that time; ``workshop`` is a folder's name."""
    parameters = {"since": since, "until": until, "workshop": workshop, "location": location}
    return ReadySeats.model_validate(dict((await session.execute(_FIGURES, parameters)).mappings().one()))

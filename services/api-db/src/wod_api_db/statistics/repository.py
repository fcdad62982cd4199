"""The statements behind the statistics. Who has only waited is no registration, and is counted among the waits alone.

Cost: each figure of the past comes from one statement, which reads the chosen registrations once, by the index on
their creation, and joins their CREATE commands. It grows with what is chosen, not with what has ever been registered.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.locations.models import Location
from wod_api_db.workshops.models import Workshop


@dataclass(frozen=True)
class Choice:
    """Which registrations: made from ``since`` and before ``until``; None stands for every one."""

    since: datetime
    until: datetime
    workshop_id: int | None
    location_id: int | None
    #: its folder, as commands name it
    workshop: str | None = None


def _spread(seconds: str) -> str:
    return f"""json_build_object('count', count({seconds}),
        'median', percentile_cont(0.5) WITHIN GROUP (ORDER BY {seconds}),
        'p90', percentile_cont(0.9) WITHIN GROUP (ORDER BY {seconds}),
        'p99', percentile_cont(0.99) WITHIN GROUP (ORDER BY {seconds}))"""


def _list(query: str) -> str:
    return f"(SELECT coalesce(json_agg(row_to_json(rows)), '[]') FROM ({query}) AS rows)"  # noqa: S608 - constants alone


#: ``email_key COLLATE "C"``: to tell keys apart their bytes do, and sorting by a language's rules takes ten times as long
_PAST = f"""
WITH chosen AS MATERIALIZED (
    SELECT r.id, r.state, r.workshop_id, r.email_key COLLATE "C" AS person, r.created_at, r.end_reason,
        r.completion, r.extensions, r.first_login_at,
        split_part(left(r.failure, 200), chr(10), 1) AS failure,
        extract(epoch FROM r.ready_at - r.created_at)::float AS running_after,
        extract(epoch FROM r.first_login_at - r.ready_at)::float AS login_after
    FROM registrations AS r
    WHERE r.created_at >= :since AND r.created_at < :until AND r.student_id IS NOT NULL
        AND (CAST(:workshop AS integer) IS NULL OR r.workshop_id = :workshop)
        AND (CAST(:location AS integer) IS NULL OR r.location_id = :location)
), waits AS MATERIALIZED (
    SELECT r.state, r.end_reason, r.student_id, r.offered_at,
        extract(epoch FROM r.offered_at - r.waiting_since)::float AS offered_after
    FROM registrations AS r
    WHERE r.waiting_since >= :since AND r.waiting_since < :until
        AND (CAST(:workshop AS integer) IS NULL OR r.workshop_id = :workshop)
        AND (CAST(:location AS integer) IS NULL OR r.location_id = :location)
), created AS (
    SELECT
        CASE WHEN c.sequence = 1 THEN extract(epoch FROM c.accepted_at - chosen.created_at) END::float AS accepted_after,
        CASE WHEN c.state = 'done' THEN extract(epoch FROM c.finished_at - c.accepted_at) END::float AS deployed_in
    FROM chosen JOIN commands AS c ON c.registration_id = chosen.id AND c.verb = 'CREATE'
), per_workshop AS (
    SELECT workshop_id, count(*) AS registrations, count(DISTINCT person) AS persons,
        count(*) FILTER (WHERE state = 'failed') AS failed, avg(completion)::float AS completion
    FROM chosen GROUP BY workshop_id
)
SELECT
    (SELECT row_to_json(t) FROM (SELECT count(*) AS registrations, count(DISTINCT person) AS persons,
        coalesce(sum(extensions), 0) AS extensions, count(first_login_at) AS first_logins FROM chosen) AS t) AS totals,
    {_list("SELECT state, count(*) AS registrations FROM chosen GROUP BY state ORDER BY state")} AS by_state,
    {_list("SELECT date_trunc(:step, created_at, 'UTC') AS at, count(*) AS registrations FROM chosen GROUP BY 1")}
        AS over_time,
    {
    _list('''SELECT w.notebook AS workshop, w.name, p.registrations, p.persons, p.failed, p.completion
        FROM per_workshop AS p JOIN workshops AS w ON w.id = p.workshop_id
        ORDER BY p.registrations DESC, w.notebook''')
} AS by_workshop,
    {
    _list('''SELECT word AS category, count(*) AS registrations, count(DISTINCT person) AS persons
        FROM chosen JOIN workshops AS w ON w.id = chosen.workshop_id, jsonb_array_elements_text(w.category) AS c(word)
        GROUP BY word ORDER BY 2 DESC, word''')
} AS by_category,
    (SELECT coalesce(json_object_agg(session_type, registrations), '{{}}') FROM (
        SELECT w.session_type, sum(p.registrations) AS registrations
        FROM per_workshop AS p JOIN workshops AS w ON w.id = p.workshop_id GROUP BY w.session_type
    ) AS t) AS by_session_type,
    {
    _list('''SELECT state, end_reason AS reason, count(*) AS registrations FROM chosen
        WHERE state IN ('ended', 'cancelled') GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2''')
} AS ended,
    {
    _list('''SELECT failure AS reason, count(*) AS registrations FROM chosen WHERE failure IS NOT NULL
        GROUP BY failure ORDER BY 2 DESC, failure LIMIT 20''')
} AS failures,
    (SELECT json_build_object('joined', count(*), 'offered', count(offered_at), 'taken', count(student_id),
        'lapsed', count(*) FILTER (WHERE student_id IS NULL AND end_reason = 'offer-lapsed'),
        'left', count(*) FILTER (WHERE student_id IS NULL AND end_reason = 'person'),
        'waiting', count(*) FILTER (WHERE state IN ('waiting', 'offered'))) FROM waits) AS waits,
    (SELECT {_spread("offered_after")} FROM waits) AS offered_after,
    (SELECT json_build_object('count', count(completion), 'mean', avg(completion)::float) FROM chosen) AS completion,
    (SELECT coalesce(json_object_agg(tenth, number), '{{}}') FROM (
        SELECT least(completion / 10, 9) AS tenth, count(*) AS number FROM chosen
        WHERE completion IS NOT NULL GROUP BY 1) AS t) AS tenths,
    (SELECT {_spread("accepted_after")} FROM created) AS accepted_after,
    (SELECT {_spread("deployed_in")} FROM created) AS deployed_in,
    (SELECT {_spread("running_after")} FROM chosen) AS running_after,
    (SELECT {_spread("login_after")} FROM chosen) AS login_after,
    (SELECT row_to_json(t) FROM (SELECT count(*) FILTER (WHERE NOT cancelled) AS taught,
        count(*) FILTER (WHERE cancelled) AS cancelled,
        coalesce(sum(seats) FILTER (WHERE NOT cancelled), 0) AS seats,
        coalesce(sum(joined), 0) AS joined, coalesce(sum(took_part), 0) AS took_part FROM (
            SELECT c.seats, c.ended_at IS NOT NULL AND c.ended_at < c.starts_at AS cancelled,
                (SELECT count(*) FROM registrations AS r WHERE r.class_id = c.id AND NOT r.speaks) AS joined,
                (SELECT count(first_login_at) FROM registrations AS r
                    WHERE r.class_id = c.id AND NOT r.speaks) AS took_part
            FROM classes AS c JOIN placements AS p ON p.id = c.placement_id
            WHERE c.starts_at >= :since AND c.starts_at < :until
                AND (CAST(:workshop AS integer) IS NULL OR c.workshop_id = :workshop)
                AND (CAST(:location AS integer) IS NULL OR p.location_id = :location)
        ) AS began) AS t) AS classes
"""  # noqa: S608 - put together from constants

#: Of now: workshops, seats, and what runs, by partial indexes.
_PRESENT = f"""
SELECT
    {
    _list('''SELECT w.session_type, count(*) FILTER (WHERE w.active AND w.retired_at IS NULL) AS workshops_active,
            coalesce(sum(running.number), 0) AS sessions_running
        FROM workshops AS w LEFT JOIN (
            SELECT workshop_id, count(*) AS number FROM registrations
            WHERE state IN ('running', 'expiring')
                AND (CAST(:location AS integer) IS NULL OR location_id = :location) GROUP BY workshop_id
        ) AS running ON running.workshop_id = w.id
        WHERE CAST(:workshop AS integer) IS NULL OR w.id = :workshop
        GROUP BY w.session_type ORDER BY w.session_type''')
} AS by_session_type,
    {
    _list('''SELECT l.name AS location, l.seats, coalesce(json_object_agg(s.state, s.number)
            FILTER (WHERE s.state IS NOT NULL), '{}') AS by_state
        FROM locations AS l LEFT JOIN (
            SELECT location_id, state, count(*) AS number FROM students GROUP BY location_id, state
        ) AS s ON s.location_id = l.id
        WHERE CAST(:location AS integer) IS NULL OR l.id = :location
        GROUP BY l.id ORDER BY l.id''')
} AS seats
"""  # noqa: S608 - put together from constants

#: Counts everything ever registered, without those who only waited: to be asked for seldom.
_PUBLIC = """
SELECT
    (SELECT count(*) FROM registrations WHERE student_id IS NOT NULL) AS registrations,
    (SELECT count(*) FROM (SELECT DISTINCT email_key FROM registrations WHERE student_id IS NOT NULL) AS t) AS persons,
    (SELECT count(*) FROM workshops WHERE active AND retired_at IS NULL) AS workshops_active,
    (SELECT count(*) FROM registrations WHERE state IN ('running', 'expiring')) AS sessions_running
"""


async def past(session: AsyncSession, choice: Choice, step: str) -> dict[str, Any]:
    parameters = {"since": choice.since, "until": choice.until, "step": step} | _filters(choice)
    return dict((await session.execute(text(_PAST), parameters)).mappings().one())


async def present(session: AsyncSession, choice: Choice) -> dict[str, Any]:
    return dict((await session.execute(text(_PRESENT), _filters(choice))).mappings().one())


def _filters(choice: Choice) -> dict[str, int | None]:
    return {"workshop": choice.workshop_id, "location": choice.location_id}


async def public(session: AsyncSession) -> dict[str, Any]:
    return dict((await session.execute(text(_PUBLIC))).mappings().one())


async def workshop_id(session: AsyncSession, notebook: str) -> int | None:
    return (await session.execute(select(Workshop.id).where(Workshop.notebook == notebook))).scalar_one_or_none()


async def has_location(session: AsyncSession, location_id: int) -> bool:
    return (
        await session.execute(select(Location.id).where(Location.id == location_id))
    ).scalar_one_or_none() is not None

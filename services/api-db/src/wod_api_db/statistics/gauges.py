"""What stands in the rows right now, for Prometheus: two statements over partial indexes, at most every few seconds."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.pool import QueuePool

from wod_api_db.ready.figures import figures
from wod_api_db.ready.schemas import ReadySeats
from wod_api_db.registrations.room import room
from wod_api_db.statistics.service import Cached
from wod_api_db.workshops.models import Placement, Workshop

log = structlog.get_logger(__name__)

SCRAPE_SECONDS = 3.0
DAY = timedelta(days=1)

_FAMILIES = {
    "wod_registrations_open": ("Registrations that are not over, by state", ["state"]),
    "wod_registrations_uncleaned": ("Registrations whose seat has not been given back", []),
    "wod_seats": ("Seats by location and state", ["location", "state"]),
    "wod_workshop_room": ("Registrations that an open workshop takes right now", ["workshop"]),
    "wod_class_seats": ("Seats of classes that let people in, by what they are", ["state"]),
    "wod_class_help_wanted": ("Participants of classes who wait for help", []),
    "wod_waiting_line": ("Persons on the waiting list of a workshop that has one", ["workshop"]),
    "wod_longest_wait_seconds": ("Since the first in line has joined, by workshop", ["workshop"]),
    "wod_commands_outstanding": ("Commands that are not over, by location and state", ["location", "state"]),
    "wod_mails_outgoing": ("Mails that have not left, by state", ["state"]),
    "wod_mails_failed_last_day": ("Mails of the last 24 hours that were given up", []),
    "wod_oldest_mail_seconds": ("Age of the oldest mail that has not left", []),
    "wod_oldest_command_seconds": ("Age of the oldest command that no agent has confirmed", []),
    "wod_jobs_waiting": ("Jobs that no worker has taken", []),
    "wod_oldest_job_seconds": ("Age of the oldest job that no worker has taken", []),
    "wod_location_silence_seconds": ("Since the location's agent last spoke", ["location"]),
    "wod_location_hub_up": ("Whether the location's hub answers its agent", ["location"]),
    "wod_location_load": ("Load average of the location's host over a minute", ["location"]),
    "wod_location_cpus": ("Processors of the location's host", ["location"]),
    "wod_location_memory_total": ("Bytes of memory of the location's host", ["location"]),
    "wod_location_memory_available": ("Bytes of memory that the location's host has left", ["location"]),
    "wod_location_disk_total": ("Bytes of the disk with the location's homes", ["location"]),
    "wod_location_disk_free": ("Bytes that are free on the disk with the location's homes", ["location"]),
    "wod_database_connections_in_use": ("Connections to the database that this process works with", []),
    "wod_database_connections_most": ("Connections that this process may have at once", []),
    "wod_ready_prepared_last_day": ("Seats made ahead in the last 24 hours", []),
    "wod_ready_found_last_day": ("Registrations that got one of them, and so their lab at once", []),
    "wod_ready_thrown_away_last_day": ("Those of them that were cleaned unused", []),
    "wod_ready_idle_seat_hours_last_day": ("Hours that they were ready and without anybody", []),
    "wod_sweep_lag_seconds": ("Since a worker was last at work", []),
    "wod_database_up": ("Whether the figures could be read; without, there are none", []),
}

_ROWS = """
SELECT 'wod_registrations_open' AS name, ARRAY[s.state] AS labels, count(r.state)::float AS value
FROM unnest(ARRAY['registered', 'deploying', 'running', 'expiring']) AS s(state)
LEFT JOIN (SELECT state FROM registrations WHERE state IN ('registered', 'deploying', 'running', 'expiring')) AS r
    ON r.state = s.state
GROUP BY s.state
UNION ALL
SELECT 'wod_registrations_open', ARRAY[s.state], count(r.state)
FROM unnest(ARRAY['waiting', 'offered']) AS s(state)
LEFT JOIN (SELECT state FROM registrations WHERE state IN ('waiting', 'offered')) AS r ON r.state = s.state
GROUP BY s.state
UNION ALL
SELECT line.name, ARRAY[w.notebook], line.value FROM (
    SELECT workshop_id, count(*)::float AS persons, extract(epoch FROM now() - min(waiting_since)) AS longest
    FROM registrations WHERE state IN ('waiting') GROUP BY workshop_id
) AS lines JOIN workshops AS w ON w.id = lines.workshop_id
CROSS JOIN LATERAL (
    VALUES ('wod_waiting_line', lines.persons), ('wod_longest_wait_seconds', lines.longest)
) AS line (name, value)
UNION ALL
SELECT 'wod_registrations_uncleaned', ARRAY[]::text[], count(*)
FROM registrations WHERE cleaned_at IS NULL AND student_id IS NOT NULL
UNION ALL
SELECT 'wod_seats', ARRAY[l.name, s.state], count(*)
FROM students AS s JOIN locations AS l ON l.id = s.location_id GROUP BY l.name, s.state
UNION ALL
SELECT 'wod_class_seats', ARRAY[s.state],
    coalesce(sum(CASE s.state WHEN 'booked' THEN c.seats ELSE (SELECT count(*) FROM registrations AS r WHERE
        r.class_id = c.id AND r.cleaned_at IS NULL AND r.student_id IS NOT NULL AND NOT r.speaks) END), 0)
FROM unnest(ARRAY['booked', 'held']) AS s(state)
LEFT JOIN classes AS c ON c.ended_at IS NULL AND c.opens_at <= now() AND c.ends_at > now()
GROUP BY s.state
UNION ALL
SELECT 'wod_class_help_wanted', ARRAY[]::text[], count(*)
FROM classes AS c JOIN registrations AS r ON r.class_id = c.id
WHERE c.ended_at IS NULL AND r.help_wanted_at IS NOT NULL AND r.state IN ('running', 'expiring', 'registered', 'deploying')
UNION ALL
SELECT 'wod_commands_outstanding', ARRAY[l.name, c.state], count(*)
FROM commands AS c JOIN locations AS l ON l.id = c.location_id
WHERE c.state IN ('queued', 'sent', 'accepted', 'running') GROUP BY l.name, c.state
UNION ALL
SELECT 'wod_mails_outgoing', ARRAY[s.state], count(m.state)
FROM unnest(ARRAY['queued', 'sending']) AS s(state)
LEFT JOIN (SELECT state FROM mails WHERE state IN ('queued', 'sending')) AS m ON m.state = s.state
GROUP BY s.state
UNION ALL
SELECT 'wod_mails_failed_last_day', ARRAY[]::text[], count(*) FROM mails
WHERE state = 'failed' AND created_at > now() - interval '1 day'
UNION ALL
SELECT 'wod_oldest_mail_seconds', ARRAY[]::text[], coalesce(extract(epoch FROM now() - min(created_at)), 0)
FROM mails WHERE state IN ('queued', 'sending')
UNION ALL
SELECT 'wod_oldest_command_seconds', ARRAY[]::text[], coalesce(extract(epoch FROM now() - min(created_at)), 0)
FROM commands
WHERE state IN ('queued', 'sent', 'accepted', 'running') AND state IN ('queued', 'sent')
UNION ALL
SELECT 'wod_jobs_waiting', ARRAY[]::text[], count(*) FROM pgqueuer WHERE status = 'queued' AND execute_after <= now()
UNION ALL
SELECT 'wod_oldest_job_seconds', ARRAY[]::text[], coalesce(extract(epoch FROM now() - min(execute_after)), 0)
FROM pgqueuer WHERE status = 'queued' AND execute_after <= now()
UNION ALL
SELECT 'wod_location_silence_seconds', ARRAY[l.name], extract(epoch FROM now() - l.last_heartbeat_at)
FROM locations AS l WHERE l.last_heartbeat_at IS NOT NULL
UNION ALL
SELECT 'wod_location_hub_up', ARRAY[l.name], CASE l.health ->> 'hub' WHEN 'true' THEN 1 ELSE 0 END
FROM locations AS l WHERE l.health ->> 'hub' IS NOT NULL
UNION ALL
SELECT 'wod_location_' || f.key, ARRAY[l.name], CAST(l.health ->> f.key AS float)
FROM locations AS l CROSS JOIN unnest(ARRAY['load', 'cpus', 'memory_total', 'memory_available', 'disk_total',
    'disk_free']) AS f(key) WHERE l.health ->> f.key IS NOT NULL
UNION ALL
SELECT 'wod_sweep_lag_seconds', ARRAY[]::text[], extract(epoch FROM clock_timestamp() - max(seen_at))
FROM workers HAVING count(*) > 0
"""

_ROOM = (
    select(Workshop.notebook, func.sum(room()))
    .join(Placement, Placement.workshop_id == Workshop.id)
    .where(Workshop.retired_at.is_(None), Workshop.active)
    .group_by(Workshop.id)
)

Sample = tuple[str, Sequence[str], float]


class Gauges:
    """The exposition text of the rows, kept for a few seconds. An unreachable database is a figure, not an error."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions
        self._pool: QueuePool = sessions.kw["bind"].pool
        self._cached = Cached(self._read, SCRAPE_SECONDS)

    async def exposition(self) -> bytes:
        return await self._cached.get()

    async def _read(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(_Samples(await self._samples()))
        return generate_latest(registry)

    async def _samples(self) -> list[Sample]:
        try:
            async with self._sessions() as session:
                rows = (await session.execute(text(_ROWS))).all()
                ready = await figures(session, datetime.now(UTC) - DAY, datetime.now(UTC))
                rooms = (await session.execute(_ROOM)).all()
        except (SQLAlchemyError, OSError) as error:
            log.warning("the figures of the rows cannot be read", reason=str(error))
            return [("wod_database_up", (), 0.0)]
        samples: list[Sample] = [(name, labels, value) for name, labels, value in rows]
        samples += [("wod_workshop_room", (notebook,), float(left)) for notebook, left in rooms]
        samples += [(name, (), float(value)) for name, value in _ready(ready)]
        return [*samples, *self._connections(), ("wod_database_up", (), 1.0)]

    def _connections(self) -> list[Sample]:
        return [
            ("wod_database_connections_in_use", (), float(self._pool.checkedout())),
            ("wod_database_connections_most", (), float(self._pool.size())),
        ]


def _ready(ready: ReadySeats) -> Iterator[tuple[str, float]]:
    yield "wod_ready_prepared_last_day", ready.prepared
    yield "wod_ready_found_last_day", ready.found_ready
    yield "wod_ready_thrown_away_last_day", ready.thrown_away
    yield "wod_ready_idle_seat_hours_last_day", ready.idle_seat_hours


class _Samples(Collector):
    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        for name, (documentation, labels) in _FAMILIES.items():
            family = GaugeMetricFamily(name, documentation, labels=labels)
            for of, values, value in self._samples:
                if of == name:
                    family.add_metric(list(values), value)
            yield family

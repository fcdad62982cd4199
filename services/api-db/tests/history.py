"""Years of use in a few seconds: ended registrations with all that they leave behind."""

import asyncpg

#: what one registration says while it lasts
_STORY = (
    "registered", "mail-sent", "command-sent", "accepted", "progress", "progress", "running", "mail-sent",
    "clock-started", "expiring", "ended", "cleaned",
)  # fmt: skip
_COMMANDS = ("CREATE", "CLEANUP", "PURGE")
_REPORTS = ("accepted", "progress", "done")
_MAILS = ("welcome", "credentials", "expiring", "ended")

#: $1 is how many. Each seat's generations count up from 1, as if it had been handed out that often.
_REGISTRATIONS = """
INSERT INTO registrations (state, workshop_id, placement_id, location_id, student_id, generation, name, email, email_key,
    company, terms_version, link_nonce, duration, range_first, content_version, created_at, ready_at, clock_started_at,
    expiring_at, ends_at, ended_at, cleaned_at, stuck_at, completion)
SELECT 'ended', place.workshop_id, place.id, place.location_id, seat.id, run.number / places.total + 1, 'Ada',
    run.number || '@example.org', run.number || '@example.org', '', '1', 'nonce', '2 h', place.first_seat, '',
    began, began, began, began + interval '1 h', began + interval '2 h', began + interval '2 h', began + interval '2 h',
    began + interval '10 min', 100
FROM generate_series(1, $1::int) AS run (number)
CROSS JOIN LATERAL (SELECT now() - interval '3 h' - run.number * interval '40 s' AS began) AS times
CROSS JOIN (SELECT count(*) AS total FROM placements) AS places
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS rank_of FROM placements) AS place
    ON place.rank_of = run.number % places.total
JOIN students AS seat ON seat.location_id = place.location_id AND seat.number = place.first_seat
"""
_EVENTS = """
INSERT INTO registration_events (registration_id, at, type, state, data)
SELECT id, created_at + place * interval '1 min', type, 'ended', '{"verb": "CREATE", "step": "deliver", "percent": 50}'
FROM registrations CROSS JOIN unnest($1::text[]) WITH ORDINALITY AS story (type, place)
"""
_COMMAND_ROWS = """
INSERT INTO commands (id, registration_id, student_id, location_id, verb, workshop, generation, sequence, state, attempts,
    due_at, created_at, sent_at, accepted_at, finished_at)
SELECT gen_random_uuid(), id, student_id, location_id, verb, 'WKSHP-API101', generation, place, 'done', 1,
    created_at, created_at, created_at, created_at, ended_at
FROM registrations CROSS JOIN unnest($1::text[]) WITH ORDINALITY AS command (verb, place)
"""
_REPORT_ROWS = """
INSERT INTO command_events (command_id, number, data)
SELECT id, place, jsonb_build_object('number', place, 'type', type)
FROM commands CROSS JOIN unnest($1::text[]) WITH ORDINALITY AS report (type, place)
"""
_MAIL_ROWS = """
INSERT INTO mails (id, registration_id, template, recipient, message_id, dedup_key, state, attempts, due_at, created_at, sent_at)
SELECT gen_random_uuid(), id, template, email, gen_random_uuid(), id || ':' || template || ':', 'sent', 1,
    created_at, created_at, created_at
FROM registrations CROSS JOIN unnest($1::text[]) AS template
"""
_JOBS = """
INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority, aggregated)
SELECT job, status::pgqueuer_status, 'send-mail', 0, true
FROM generate_series(1, $1::int) AS job CROSS JOIN unnest(ARRAY['queued', 'picked', 'successful']) AS status
"""
_GENERATIONS = """
UPDATE students SET generation = (SELECT coalesce(max(generation), 0) FROM registrations WHERE student_id = students.id)
"""


async def fill(url: str, registrations: int) -> None:
    """Into a database that nobody has registered in. Neither triggers nor foreign keys are asked."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(_REGISTRATIONS, registrations, timeout=300)
    for statement, kinds in (
        (_EVENTS, _STORY),
        (_COMMAND_ROWS, _COMMANDS),
        (_REPORT_ROWS, _REPORTS),
        (_MAIL_ROWS, _MAILS),
    ):
        await connection.execute(statement, kinds, timeout=300)
    await connection.execute(_JOBS, registrations * (len(_COMMANDS) + len(_MAILS)), timeout=300)
    await connection.execute(_GENERATIONS, timeout=300)
    await connection.execute("VACUUM ANALYZE", timeout=300)  # as an installation that has grown slowly is
    await connection.close()

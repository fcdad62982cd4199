"""The text of the database's function ``register_for_workshop``; ``entering`` calls it.

It is made anew with every migration: its conditions are those that this release's other queries use.
"""

from typing import Any

from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from sqlalchemy import Boolean, ColumnElement, Select, and_, case, exists, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.orm import aliased

from wod_api_db.classes.booked import demand, keeps_last_seat, left_for
from wod_api_db.classes.models import Class
from wod_api_db.commands.issuing import SEND_COMMAND
from wod_api_db.db import now
from wod_api_db.locations.health import healthy
from wod_api_db.locations.models import Location
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.pauses.models import Pause
from wod_api_db.registrations.models import HELD_ADDRESS, Registration
from wod_api_db.registrations.room import free, is_open, last_public_seat, room
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, Workshop
from wod_api_db.workshops.repository import paused

PARAMETERS = {
    "given_notebook": "text",
    "given_name": "text",
    "given_email": "text",
    "given_email_key": "text",
    "given_company": "text",
    "given_terms": "text",
    "given_nonce": "text",
    "given_key": "text",
    "given_hash": "text",
    "given_patience": "interval",
    "given_mail": "uuid",
    "given_message_id": "text",
    "given_command": "uuid",
    "given_trace": "text",
    "given_code": "text",
    "given_speaks": "boolean",
}
RESULTS = {
    "outcome": "text",
    "explanation": "text",
    "registration_id": "bigint",
    "created_at": "timestamptz",
    "workshop_id": "int",
    "workshop_name": "text",
    "duration": "interval",
    "location": "text",
    "hub_url": "text",
    "student_id": "int",
    "student_number": "int",
    "class_id": "int",
}


_TEMPLATE = """
CREATE OR REPLACE FUNCTION register_for_workshop({signature}) LANGUAGE plpgsql AS $function$
DECLARE
    workshop record;
    placement record;
    seat record;
    earlier record;
    queued record;
    booking record;
BEGIN
    -- before the key is looked up: a holder that the same request has made meanwhile is then found by it
    {holder} INTO registration_id;
    IF given_key IS NOT NULL THEN
        SELECT r.id, r.request_hash INTO earlier FROM registrations r WHERE r.idempotency_key = given_key;
        IF FOUND THEN
            registration_id := earlier.id;
            outcome := CASE WHEN earlier.request_hash = given_hash
                THEN 'made-before' ELSE 'other-request' END;
            RETURN;
        END IF;
    END IF;
    {open_workshop} INTO workshop;
    IF NOT FOUND THEN outcome := 'unknown'; RETURN; END IF;
    workshop_name := workshop.name;
    explanation := workshop.pause;
    IF explanation IS NOT NULL THEN outcome := 'paused'; RETURN; END IF;
    IF registration_id IS NOT NULL THEN outcome := 'held'; RETURN; END IF;
    {booking} INTO booking;
    IF given_code IS NOT NULL THEN
        IF NOT FOUND THEN outcome := 'class-unknown'; RETURN; END IF;
        IF booking.is_over THEN outcome := 'class-over'; RETURN; END IF;
        IF booking.is_early THEN outcome := 'class-early'; explanation := booking.opens; RETURN; END IF;
    END IF;
    -- as late as possible, and before the room is counted: two that both counted first would both find the last seat
    PERFORM FROM ({placements}) locked;
    IF NOT FOUND THEN outcome := 'nowhere'; RETURN; END IF;
    IF booking.id IS NULL THEN
        {placement_with_room} INTO placement;
    ELSE
        {placement_of_class} INTO placement;
    END IF;
    IF NOT FOUND THEN
        {pause_where_it_is_given} INTO explanation;
        outcome := CASE WHEN FOUND THEN 'paused' WHEN booking.id IS NOT NULL THEN 'class-full' ELSE 'full' END;
        RETURN;
    END IF;
    {free_seat} INTO seat;
    IF NOT FOUND THEN outcome := 'full'; RETURN; END IF;
    INSERT INTO registrations AS made (state, workshop_id, placement_id, location_id, student_id, generation, name,
        email, email_key, company, terms_version, link_nonce, duration, range_first, content_version,
        idempotency_key, request_hash, stuck_at, class_id, class_ends_at, speaks, trace)
    SELECT 'registered', workshop.id, placement.id, placement.location_id, s.id, s.generation + 1, given_name,
        given_email, given_email_key, given_company, given_terms, given_nonce,
        coalesce(booking.ends_at - now(), workshop.duration), placement.first_seat,
        workshop.content_version, given_key, given_hash, now() + given_patience, booking.id, booking.ends_at,
        given_speaks, given_trace
    FROM students s WHERE s.id = seat.id
    ON CONFLICT DO NOTHING
    RETURNING made.id, made.created_at, made.duration INTO registration_id, created_at, duration;
    IF NOT FOUND THEN outcome := 'overtaken'; RETURN; END IF;
    UPDATE students s SET state = 'assigned', generation = s.generation + 1, sequence = 1,
        prepared_placement_id = NULL, prepared_version = NULL, prepared_at = NULL WHERE s.id = seat.id;
    INSERT INTO registration_events (registration_id, type, state, data) VALUES (registration_id, 'registered',
        'registered', jsonb_build_object('seat', 'student' || seat.number, 'location', placement.location));
    INSERT INTO mails (id, registration_id, template, recipient, message_id, dedup_key, created_at) VALUES (given_mail,
        registration_id, 'welcome', given_email, given_message_id, registration_id || ':welcome:', clock_timestamp());
    INSERT INTO commands (id, registration_id, student_id, location_id, verb, workshop, generation, sequence, state)
    SELECT given_command, registration_id, s.id, s.location_id, 'CREATE', given_notebook, s.generation,
        s.sequence, 'queued' FROM students s WHERE s.id = seat.id;
    FOR queued IN {jobs} LOOP END LOOP;
    outcome := 'registered';
    workshop_id := workshop.id;
    class_id := booking.id;
    location := placement.location;
    hub_url := placement.hub_url;
    student_id := seat.id;
    student_number := seat.number;
END
$function$"""


def function() -> str:
    parameters = [f"{name} {kind}" for name, kind in PARAMETERS.items()]
    results = [f"OUT {name} {kind}" for name, kind in RESULTS.items()]
    return _TEMPLATE.format(
        signature=", ".join([*parameters, *results]),
        open_workshop=_open_workshop(),
        holder=_holder(),
        placements=_placements(),
        booking=_booking(),
        placement_with_room=_placement_with_room(),
        placement_of_class=_placement_of_class(),
        pause_where_it_is_given=_pause_where_it_is_given(),
        free_seat=_free_seat(),
        jobs=_jobs(),
    )


def _sql(statement: Select[*tuple[Any, ...]]) -> str:
    return str(statement.compile(dialect=dialect(), compile_kwargs={"literal_binds": True}))  # type: ignore[no-untyped-call]


def _open_workshop() -> str:
    return _sql(
        select(Workshop.id, Workshop.name, Workshop.duration, Workshop.content_version, paused().label("pause")).where(
            Workshop.notebook == literal_column("given_notebook"), Workshop.retired_at.is_(None), Workshop.active
        )
    )


def _holder() -> str:
    return _sql(
        select(Registration.id).where(Registration.email_key == literal_column("given_email_key"), HELD_ADDRESS)
    )


def _placements() -> str:
    """In the order of their ids, as everybody who locks several."""
    query = (
        select(Placement.id)
        .where(Placement.workshop_id == literal_column("workshop.id"), Placement.closed_at.is_(None))
        .order_by(Placement.id)
        .with_for_update()
    )
    return _sql(query)


def _booking() -> str:
    """The class of the code. Shared with who joins beside us, and not with who changes or ends it."""
    query = (
        select(
            Class.id,
            Class.ends_at,
            (Class.opens_at > now).label("is_early"),
            # for the sentence that says so: as JSON writes times
            (func.to_jsonb(Class.opens_at).op("#>>")(literal_column("'{}'"))).label("opens"),
            or_(Class.ended_at.is_not(None), Class.ends_at <= now).label("is_over"),
        )
        .where(Class.code == literal_column("given_code"), Class.workshop_id == literal_column("workshop.id"))
        .with_for_update(read=True)
    )
    return _sql(query)


def _placement() -> Select[*tuple[Any, ...]]:
    return select(
        *(getattr(Placement, name) for name in ("id", "location_id", "first_seat")),
        last_public_seat().label("last_seat"),
        Placement.last_seat.label("speakers_seat"),
        Location.name.label("location"),
        Location.hub_url,
    ).join(Placement.location)


def _placement_of_class() -> str:
    """Where its seats are booked: its own are its room, whoever else wants in."""
    query = (
        _placement()
        .join(Class, Class.placement_id == Placement.id)
        .where(
            Class.id == literal_column("booking.id"),
            is_open(),
            left_for(speaks=literal_column("given_speaks", Boolean())) > 0,
            or_(literal_column("given_speaks", Boolean()), free() > 0),
        )
    )
    return _sql(query)


def _placement_with_room() -> str:
    """The first choice among those with room: a healthy location before one that may take its time, then by rank."""
    query = (
        _placement()
        .where(Placement.workshop_id == literal_column("workshop.id"), Placement.closed_at.is_(None), room() > 0)
        .order_by(healthy().desc(), Placement.rank, Placement.id)
        .limit(1)
    )
    return _sql(query)


def _pause_where_it_is_given() -> str:
    placed = exists().where(
        Placement.location_id == Pause.location_id,
        Placement.workshop_id == literal_column("workshop.id"),
        Placement.closed_at.is_(None),
    )
    rank = (
        select(Placement.rank)
        .where(Placement.location_id == Pause.location_id, Placement.workshop_id == literal_column("workshop.id"))
        .limit(1)
        .scalar_subquery()
    )
    return _sql(select(Pause.text).where(placed).order_by(rank, Pause.id).limit(1))


def _free_seat() -> str:
    """One that is ready for this placement with today's content, else the lowest free one of the range; the last resort
    is one that is ready for something else. One that another transaction is taking is passed over.

    The range's last one is for whoever speaks, where a class has booked it; what was made ahead for a class is not for
    the public as long as there is something else.
    """
    ready = and_(
        Student.state == StudentState.READY,
        Student.prepared_placement_id == literal_column("placement.id"),
        Student.prepared_version == literal_column("workshop.content_version"),
    )
    speaks = literal_column("given_speaks", Boolean())
    is_last = Student.number == literal_column("placement.speakers_seat")
    query = (
        select(Student.id, Student.number)
        .where(
            Student.location_id == literal_column("placement.location_id"),
            Student.number >= literal_column("placement.first_seat"),
            or_(Student.number <= literal_column("placement.last_seat"), and_(speaks, is_last)),
            Student.state.in_([StudentState.FREE, StudentState.READY]),
            or_(speaks, ~is_last, ~exists().where(Placement.id == literal_column("placement.id"), keeps_last_seat())),
        )
        .order_by(
            and_(speaks, is_last).desc(),
            case((and_(ready, _may_have_ready()), 0), (Student.state == StudentState.FREE, 1), else_=2),
            Student.number,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return _sql(query)


def _may_have_ready() -> ColumnElement[bool]:
    """Who joins a class may, and everybody else while more are ready than classes need."""
    made = aliased(Student)
    count = (
        select(func.count())
        .select_from(made)
        .where(made.prepared_placement_id == Placement.id, made.state == StudentState.READY)
        .correlate(Placement)
        .scalar_subquery()
    )
    enough = exists().where(Placement.id == literal_column("placement.id"), count > demand())
    return or_(literal_column("booking.id").is_not(None), enough)


def _jobs() -> str:
    """PgQueuer's own statement, with a registration's two jobs in the place of its parameters."""
    jobs = {
        "$1": "ARRAY[0, 0]",
        "$2": f"ARRAY['{SEND_MAIL}', '{SEND_COMMAND}']",
        "$3": "ARRAY[convert_to(given_mail::text, 'UTF8'), convert_to(given_command::text, 'UTF8')]",
        "$4": "ARRAY[interval '0', interval '0']",
        "$5": f"ARRAY['{SEND_MAIL}:' || given_mail || ':0', '{SEND_COMMAND}:' || given_command || ':0']",
        "$6": "ARRAY['null', 'null']",
    }
    statement = QueryQueueBuilder().build_enqueue_query("skip")
    for parameter, value in jobs.items():
        statement = statement.replace(parameter, value)
    return statement

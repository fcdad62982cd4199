"""The text of the database's function ``register_for_workshop``; ``entering`` calls it.

It is made anew with every migration: its conditions are those that this release's other queries use.
"""

from typing import Any

from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from sqlalchemy import ColumnElement, Select, and_, case, exists, literal_column, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from wod_api_db.commands.issuing import SEND_COMMAND
from wod_api_db.locations.health import healthy
from wod_api_db.locations.models import Location
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.pauses.models import Pause
from wod_api_db.registrations.models import HELD_ADDRESS, IN_LINE, WAITING, Registration
from wod_api_db.registrations.room import last_public_seat, room
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
    "given_wait": "bool",
    "given_wait_limit": "interval",
    "given_offer_limit": "interval",
    "given_mail": "uuid",
    "given_message_id": "text",
    "given_command": "uuid",
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
}


_TEMPLATE = """
CREATE OR REPLACE FUNCTION register_for_workshop({signature}) LANGUAGE plpgsql AS $function$
DECLARE
    workshop record;
    placement record;
    seat_id int;
    seat_number int;
    holder record;
    wait record;
    earlier record;
    queued record;
    line_is_there bool;
    has_room bool;
BEGIN
    -- before the key is looked up: a holder that the same request has made meanwhile is then found by it
    {holder} INTO holder;
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
    {wait} INTO wait;
    registration_id := coalesce(wait.id, holder.id);
    -- who is in another workshop's lab may wait for this one
    IF wait.id IS NOT NULL OR holder.workshop_id = workshop.id OR (holder.id IS NOT NULL AND NOT given_wait) THEN
        outcome := 'held';
        RETURN;
    END IF;
    -- as late as possible, and before the room is counted: two that both counted first would both find the last seat
    PERFORM FROM ({placements}) locked;
    IF NOT FOUND THEN outcome := 'nowhere'; RETURN; END IF;
    -- room that is free while somebody waits is about to be offered to him
    {somebody_waits} INTO line_is_there;
    {placement_with_room} INTO placement;
    has_room := FOUND AND NOT line_is_there;
    IF has_room THEN
        IF registration_id IS NOT NULL THEN outcome := 'held'; RETURN; END IF;
        {free_seat} INTO seat_id, seat_number;
    ELSIF NOT line_is_there THEN
        {pause_where_it_is_given} INTO explanation;
        IF explanation IS NOT NULL AND NOT (given_wait AND {given_elsewhere}) THEN outcome := 'paused'; RETURN; END IF;
        explanation := NULL;
    END IF;
    IF seat_id IS NULL AND NOT given_wait THEN outcome := 'full'; RETURN; END IF;
    IF seat_id IS NULL THEN
        INSERT INTO registrations AS made (state, workshop_id, name, email, email_key, company, terms_version,
            link_nonce, duration, content_version, idempotency_key, request_hash, waiting_since, wait_ends_at,
            offer_limit)
        VALUES ('waiting', workshop.id, given_name, given_email, given_email_key, given_company, given_terms,
            given_nonce, workshop.duration, workshop.content_version, given_key, given_hash, clock_timestamp(),
            now() + given_wait_limit, given_offer_limit)
        ON CONFLICT DO NOTHING
        RETURNING made.id, made.created_at INTO registration_id, created_at;
        IF NOT FOUND THEN outcome := 'overtaken'; RETURN; END IF;
        INSERT INTO registration_events (registration_id, type, state, data)
        VALUES (registration_id, 'waiting', 'waiting', jsonb_build_object());
        INSERT INTO mails (id, registration_id, template, recipient, message_id, dedup_key, created_at)
        VALUES (given_mail, registration_id, 'waiting', given_email, given_message_id, registration_id || ':waiting:',
            clock_timestamp());
        FOR queued IN {mail_job} LOOP END LOOP;
        outcome := 'waiting';
        workshop_id := workshop.id;
        duration := workshop.duration;
        RETURN;
    END IF;
    INSERT INTO registrations AS made (state, workshop_id, placement_id, location_id, student_id, generation, name,
        email, email_key, company, terms_version, link_nonce, duration, range_first, content_version,
        idempotency_key, request_hash, stuck_at)
    SELECT 'registered', workshop.id, placement.id, placement.location_id, s.id, s.generation + 1, given_name,
        given_email, given_email_key, given_company, given_terms, given_nonce, workshop.duration, placement.first_seat,
        workshop.content_version, given_key, given_hash, now() + given_patience
    FROM students s WHERE s.id = seat_id
    ON CONFLICT DO NOTHING
    RETURNING made.id, made.created_at INTO registration_id, created_at;
    IF NOT FOUND THEN outcome := 'overtaken'; RETURN; END IF;
    {handing_over}
    outcome := 'registered';
    workshop_id := workshop.id;
    duration := workshop.duration;
    location := placement.location;
    hub_url := placement.hub_url;
    student_id := seat_id;
    student_number := seat_number;
END
$function$"""

#: What follows when ``registration_id`` has the seat ``seat_id``: the same for who comes and for who has waited.
_HANDING_OVER = """
    UPDATE students s SET state = 'assigned', generation = s.generation + 1, sequence = 1,
        prepared_placement_id = NULL, prepared_version = NULL, prepared_at = NULL WHERE s.id = seat_id;
    INSERT INTO registration_events (registration_id, type, state, data) VALUES (registration_id, 'registered',
        'registered', jsonb_build_object('seat', 'student' || seat_number, 'location', placement.location));
    INSERT INTO mails (id, registration_id, template, recipient, message_id, dedup_key, created_at) VALUES (given_mail,
        registration_id, 'welcome', {email}, given_message_id, registration_id || ':welcome:', clock_timestamp());
    INSERT INTO commands (id, registration_id, student_id, location_id, verb, workshop, generation, sequence, state)
    SELECT given_command, registration_id, s.id, s.location_id, 'CREATE', {notebook}, s.generation,
        s.sequence, 'queued' FROM students s WHERE s.id = seat_id;
    FOR queued IN {jobs} LOOP END LOOP;"""


def function() -> str:
    parameters = [f"{name} {kind}" for name, kind in PARAMETERS.items()]
    results = [f"OUT {name} {kind}" for name, kind in RESULTS.items()]
    return _TEMPLATE.format(
        signature=", ".join([*parameters, *results]),
        open_workshop=open_workshop(Workshop.notebook == literal_column("given_notebook")),
        holder=_holder(),
        wait=_wait(),
        placements=_placements(),
        somebody_waits=_somebody_waits(),
        placement_with_room=_placement_with_room(),
        pause_where_it_is_given=_pause_where_it_is_given(),
        given_elsewhere=_given_elsewhere(),
        free_seat=free_seat(),
        mail_job=_job((SEND_MAIL, "given_mail")),
        handing_over=handing_over(email="given_email", notebook="given_notebook"),
    )


def handing_over(*, email: str, notebook: str) -> str:
    """``email`` and ``notebook`` are what the function at hand calls them."""
    jobs = _job((SEND_MAIL, "given_mail"), (SEND_COMMAND, "given_command"))
    return _HANDING_OVER.format(email=email, notebook=notebook, jobs=jobs)


def compiled(statement: Select[*tuple[Any, ...]]) -> str:
    return str(statement.compile(dialect=dialect(), compile_kwargs={"literal_binds": True}))  # type: ignore[no-untyped-call]


def open_workshop(which: ColumnElement[bool]) -> str:
    columns = ("id", "notebook", "name", "duration", "content_version")
    return compiled(
        select(*(getattr(Workshop, name) for name in columns), paused().label("pause")).where(
            which, Workshop.retired_at.is_(None), Workshop.active
        )
    )


def _holder() -> str:
    mine = Registration.email_key == literal_column("given_email_key")
    return compiled(select(Registration.id, Registration.workshop_id).where(mine, HELD_ADDRESS))


def _wait() -> str:
    mine = Registration.email_key == literal_column("given_email_key")
    for_this = Registration.workshop_id == literal_column("workshop.id")
    return compiled(select(Registration.id).where(mine, for_this, IN_LINE))


def _somebody_waits() -> str:
    return compiled(select(exists().where(Registration.workshop_id == literal_column("workshop.id"), WAITING)))


def _given_elsewhere() -> str:
    """Some of the workshop's locations are not paused: waiting for them makes sense."""
    there = exists().where(Pause.location_id == Placement.location_id).correlate(Placement)
    of_workshop = Placement.workshop_id == literal_column("workshop.id")
    return f"({compiled(select(exists().where(of_workshop, Placement.closed_at.is_(None), ~there)))})"


def _placements() -> str:
    """In the order of their ids, as everybody who locks several."""
    query = (
        select(Placement.id)
        .where(Placement.workshop_id == literal_column("workshop.id"), Placement.closed_at.is_(None))
        .order_by(Placement.id)
        .with_for_update()
    )
    return compiled(query)


def _placement_with_room() -> str:
    """The first choice among those with room: a healthy location before one that may take its time, then by rank."""
    query = (
        select(
            *(getattr(Placement, name) for name in ("id", "location_id", "first_seat")),
            last_public_seat().label("last_seat"),
            Location.name.label("location"),
            Location.hub_url,
        )
        .join(Placement.location)
        .where(Placement.workshop_id == literal_column("workshop.id"), Placement.closed_at.is_(None), room() > 0)
        .order_by(healthy().desc(), Placement.rank, Placement.id)
        .limit(1)
    )
    return compiled(query)


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
    return compiled(select(Pause.text).where(placed).order_by(rank, Pause.id).limit(1))


def free_seat() -> str:
    """One that is ready for this placement with today's content, else the lowest free one of the range; the last resort
    is one that is ready for something else. One that another transaction is taking is passed over.
    """
    ready = and_(
        Student.state == StudentState.READY,
        Student.prepared_placement_id == literal_column("placement.id"),
        Student.prepared_version == literal_column("workshop.content_version"),
    )
    query = (
        select(Student.id, Student.number)
        .where(
            Student.location_id == literal_column("placement.location_id"),
            Student.number.between(literal_column("placement.first_seat"), literal_column("placement.last_seat")),
            Student.state.in_([StudentState.FREE, StudentState.READY]),
        )
        .order_by(case((ready, 0), (Student.state == StudentState.FREE, 1), else_=2), Student.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return compiled(query)


def _job(*jobs: tuple[str, str]) -> str:
    """PgQueuer's own statement, with these entry points and variables of ours in the place of its parameters."""
    values = {
        "$1": ["0" for _ in jobs],
        "$2": [f"'{entrypoint}'" for entrypoint, _ in jobs],
        "$3": [f"convert_to({subject}::text, 'UTF8')" for _, subject in jobs],
        "$4": ["interval '0'" for _ in jobs],
        "$5": [f"'{entrypoint}:' || {subject} || ':0'" for entrypoint, subject in jobs],
        "$6": ["'null'" for _ in jobs],
    }
    statement = QueryQueueBuilder().build_enqueue_query("skip")
    for parameter, of_each in values.items():
        statement = statement.replace(parameter, f"ARRAY[{', '.join(of_each)}]")
    return statement

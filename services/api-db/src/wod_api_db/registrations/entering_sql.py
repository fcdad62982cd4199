"""The text of the database's function ``register_for_workshop``; ``entering`` calls it.

It is made anew with every migration: its conditions are those that this release's other queries use.
"""

from sqlalchemy import Boolean, exists, func, literal_column, or_, select

from wod_api_db.classes.booked import left_for
from wod_api_db.classes.models import Class
from wod_api_db.db import now
from wod_api_db.locations.health import healthy
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.pauses.models import Pause
from wod_api_db.registrations.models import HELD_ADDRESS, IN_LINE, Registration
from wod_api_db.registrations.room import free, is_open, room
from wod_api_db.registrations.seat_sql import compiled, free_seat, handing_over, job, open_workshop, placement
from wod_api_db.waiting.repository import has_line
from wod_api_db.workshops.models import Placement, Workshop

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
    seat_id int;
    seat_number int;
    holder record;
    wait_id bigint;
    earlier record;
    queued record;
    line_is_there bool;
    has_room bool;
    may_wait bool;
    booking record;
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
    IF given_code IS NULL THEN
        {wait} INTO wait_id;
    END IF;
    registration_id := coalesce(wait_id, holder.id);
    -- who is in another workshop's lab may wait for this one
    IF wait_id IS NOT NULL OR holder.workshop_id = workshop.id OR (holder.id IS NOT NULL AND NOT given_wait) THEN
        outcome := 'held';
        RETURN;
    END IF;
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
        -- room that is free while somebody waits is about to be offered to him
        {somebody_waits} INTO line_is_there;
        {placement_with_room} INTO placement;
    ELSE
        line_is_there := false;
        {placement_of_class} INTO placement;
    END IF;
    has_room := FOUND AND NOT line_is_there;
    may_wait := given_wait AND booking.id IS NULL;
    IF has_room THEN
        IF registration_id IS NOT NULL THEN outcome := 'held'; RETURN; END IF;
        {free_seat} INTO seat_id, seat_number;
    ELSIF NOT line_is_there THEN
        {pause_where_it_is_given} INTO explanation;
        IF explanation IS NOT NULL AND NOT (may_wait AND {given_elsewhere}) THEN outcome := 'paused'; RETURN; END IF;
        explanation := NULL;
    END IF;
    IF seat_id IS NULL AND NOT may_wait THEN
        outcome := CASE WHEN has_room OR booking.id IS NULL THEN 'full' ELSE 'class-full' END;
        RETURN;
    END IF;
    IF seat_id IS NULL THEN
        INSERT INTO registrations AS made (state, workshop_id, name, email, email_key, company, terms_version,
            link_nonce, duration, content_version, idempotency_key, request_hash, waiting_since, wait_ends_at,
            offer_limit, trace)
        VALUES ('waiting', workshop.id, given_name, given_email, given_email_key, given_company, given_terms,
            given_nonce, workshop.duration, workshop.content_version, given_key, given_hash, clock_timestamp(),
            now() + given_wait_limit, given_offer_limit, given_trace)
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
        idempotency_key, request_hash, stuck_at, class_id, class_ends_at, speaks, trace)
    SELECT 'registered', workshop.id, placement.id, placement.location_id, s.id, s.generation + 1, given_name,
        given_email, given_email_key, given_company, given_terms, given_nonce,
        coalesce(booking.ends_at - now(), workshop.duration), placement.first_seat,
        workshop.content_version, given_key, given_hash, now() + given_patience, booking.id, booking.ends_at,
        given_speaks, given_trace
    FROM students s WHERE s.id = seat_id
    ON CONFLICT DO NOTHING
    RETURNING made.id, made.created_at, made.duration INTO registration_id, created_at, duration;
    IF NOT FOUND THEN outcome := 'overtaken'; RETURN; END IF;
    {handing_over}
    outcome := 'registered';
    workshop_id := workshop.id;
    class_id := booking.id;
    location := placement.location;
    hub_url := placement.hub_url;
    student_id := seat_id;
    student_number := seat_number;
END
$function$"""


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
        booking=_booking(),
        placement_with_room=_placement_with_room(),
        placement_of_class=_placement_of_class(),
        pause_where_it_is_given=_pause_where_it_is_given(),
        given_elsewhere=_given_elsewhere(),
        free_seat=free_seat(),
        mail_job=job((SEND_MAIL, "given_mail")),
        handing_over=handing_over(email="given_email", notebook="given_notebook"),
    )


def _holder() -> str:
    mine = Registration.email_key == literal_column("given_email_key")
    return compiled(select(Registration.id, Registration.workshop_id).where(mine, HELD_ADDRESS))


def _wait() -> str:
    mine = Registration.email_key == literal_column("given_email_key")
    for_this = Registration.workshop_id == literal_column("workshop.id")
    return compiled(select(Registration.id).where(mine, for_this, IN_LINE))


def _somebody_waits() -> str:
    return compiled(select(has_line(literal_column("workshop.id"))))


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
    return compiled(query)


def _placement_of_class() -> str:
    """Where its seats are booked: its own are its room, whoever else wants in."""
    query = (
        placement()
        .join(Class, Class.placement_id == Placement.id)
        .where(
            Class.id == literal_column("booking.id"),
            is_open(),
            left_for(speaks=literal_column("given_speaks", Boolean())) > 0,
            or_(literal_column("given_speaks", Boolean()), free() > 0),
        )
    )
    return compiled(query)


def _placement_with_room() -> str:
    """The first choice among those with room: a healthy location before one that may take its time, then by rank."""
    query = (
        placement()
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

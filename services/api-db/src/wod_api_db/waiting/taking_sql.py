"""The text of the database's function ``take_offer``; ``taking`` calls it.

Made anew with every migration beside ``register_for_workshop``, with which it shares what a seat brings.
"""

from sqlalchemy import literal_column, select

from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.room import room
from wod_api_db.registrations.seat_sql import compiled, free_seat, handing_over, open_workshop, placement
from wod_api_db.workshops.models import Placement, Workshop

PARAMETERS = {
    "given_registration": "bigint",
    "given_patience": "interval",
    "given_mail": "uuid",
    "given_message_id": "text",
    "given_command": "uuid",
}

_TEMPLATE = """
CREATE OR REPLACE FUNCTION take_offer({signature}) LANGUAGE plpgsql AS $function$
DECLARE
    offer record;
    workshop record;
    placement record;
    registration_id bigint := given_registration;
    seat_id int;
    seat_number int;
    queued record;
    -- no class: what is the public's is offered
    booking record;
    given_speaks bool := false;
BEGIN
    SELECT NULL::int AS id INTO booking;
    -- the second of two clicks waits here, and finds what the first has made of it
    {offer} INTO offer;
    IF offer.state <> 'offered' THEN outcome := offer.state; RETURN; END IF;
    -- after the registration's row, as everywhere, and before the room is counted
    PERFORM FROM ({placement}) locked;
    -- by the clock of now: the locks may have taken their time
    IF offer.offer_ends_at <= clock_timestamp() THEN outcome := 'lapsed'; RETURN; END IF;
    {open_workshop} INTO workshop;
    IF NOT FOUND OR workshop.pause IS NOT NULL THEN outcome := 'gone'; RETURN; END IF;
    {placement_with_room} INTO placement;
    IF NOT FOUND THEN outcome := 'gone'; RETURN; END IF;
    {free_seat} INTO seat_id, seat_number;
    IF seat_id IS NULL THEN outcome := 'gone'; RETURN; END IF;
    UPDATE registrations r SET state = 'registered', student_id = s.id, generation = s.generation + 1,
        range_first = placement.first_seat, duration = workshop.duration, content_version = workshop.content_version,
        created_at = now(), stuck_at = now() + given_patience, offer_ends_at = NULL, wait_ends_at = NULL
    FROM students s WHERE r.id = given_registration AND s.id = seat_id;
    {handing_over}
    outcome := 'taken';
END
$function$"""


def function() -> str:
    parameters = [f"{name} {kind}" for name, kind in PARAMETERS.items()]
    return _TEMPLATE.format(
        signature=", ".join([*parameters, "OUT outcome text"]),
        offer=_offer(),
        placement=_placement(),
        open_workshop=open_workshop(Workshop.id == literal_column("offer.workshop_id")),
        placement_with_room=_placement_with_room(),
        free_seat=free_seat(),
        handing_over=handing_over(email="offer.email", notebook="workshop.notebook"),
    )


def _offer() -> str:
    columns = ("state", "email", "workshop_id", "placement_id", "offer_ends_at")
    mine = Registration.id == literal_column("given_registration")
    return compiled(select(*(getattr(Registration, name) for name in columns)).where(mine).with_for_update())


def _placement() -> str:
    offered = Placement.id == literal_column("offer.placement_id")
    return compiled(select(Placement.id).where(offered).with_for_update())


def _placement_with_room() -> str:
    """Where the offer was made, unless nobody is let in there any more or seats have become too few meanwhile."""
    query = placement().where(
        Placement.id == literal_column("offer.placement_id"),
        room(taking=literal_column("given_registration")) > 0,
    )
    return compiled(query)

"""What the database's functions for a seat share: which one it is, and what follows when somebody has it."""

from typing import Any

from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from sqlalchemy import Boolean, ColumnElement, Select, and_, case, exists, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.orm import aliased

from wod_api_db.classes.booked import demand, keeps_last_seat
from wod_api_db.commands.issuing import SEND_COMMAND
from wod_api_db.locations.models import Location
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.registrations.room import last_public_seat
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement, Workshop
from wod_api_db.workshops.repository import paused

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


def compiled(statement: Select[*tuple[Any, ...]]) -> str:
    return str(statement.compile(dialect=dialect(), compile_kwargs={"literal_binds": True}))  # type: ignore[no-untyped-call]


def open_workshop(which: ColumnElement[bool]) -> str:
    columns = ("id", "notebook", "name", "duration", "content_version")
    return compiled(
        select(*(getattr(Workshop, name) for name in columns), paused().label("pause")).where(
            which, Workshop.retired_at.is_(None), Workshop.active
        )
    )


def placement() -> Select[*tuple[Any, ...]]:
    return select(
        *(getattr(Placement, name) for name in ("id", "location_id", "first_seat")),
        last_public_seat().label("last_seat"),
        Placement.last_seat.label("speakers_seat"),
        Location.name.label("location"),
        Location.hub_url,
    ).join(Placement.location)


def free_seat() -> str:
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
    return compiled(query)


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


def handing_over(*, email: str, notebook: str) -> str:
    """``email`` and ``notebook`` are what the function at hand calls them."""
    jobs = job((SEND_MAIL, "given_mail"), (SEND_COMMAND, "given_command"))
    return _HANDING_OVER.format(email=email, notebook=notebook, jobs=jobs)


def job(*jobs: tuple[str, str]) -> str:
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

"""The lists of the console, declared: where the rows come from, what is shown of each, by what they are narrowed down."""

from dataclasses import dataclass
from typing import Any

from wod_frontend.console.access import Rank
from wod_frontend.console.backstage import Row
from wod_frontend.language import later

REGISTRATION_STATES = (
    "waiting",
    "offered",
    "registered",
    "deploying",
    "running",
    "expiring",
    "ended",
    "failed",
    "cancelled",
)
STUDENT_STATES = ("free", "preparing", "ready", "assigned", "cleaning", "resetting", "broken")
COMMAND_STATES = ("queued", "sent", "accepted", "running", "done", "failed", "superseded")
MAIL_STATES = ("queued", "sending", "sent", "failed", "withheld")
VERBS = ("CREATE", "CLEANUP", "RESET", "PURGE", "DELETE", "PREPARE", "VERIFY")


@dataclass(frozen=True)
class Column:
    """``show`` names the form in ``console/tables.html``; ``of`` another value that it needs, as the id behind a name."""

    name: str
    label: str
    show: str = "text"
    of: str = ""


@dataclass(frozen=True)
class Filter:
    """``choices`` are offered to pick from; ``kind`` is ``choice``, ``workshop``, ``location``, ``text`` or ``date``."""

    name: str
    label: str
    kind: str = "choice"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """``path`` is the api-db's list, ``one`` its single row with ``{id}``; without ``q`` among them the rows are searched
    here, which is for short lists alone.
    """

    name: str
    title: str
    path: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    lead: str = ""
    identity: str = "id"
    one: str = ""
    searched: bool = True
    whole: bool = False
    detailed: bool = True
    needs: Rank = Rank.MODERATOR
    #: acts that belong to the list and not to a row
    heads: tuple[str, ...] = ()

    def identity_of(self, row: Row) -> str:
        return str(row[self.identity])

    def keep(self, rows: list[Row], asked: dict[str, str]) -> list[Row]:
        """Of a whole list what the search and the filters leave."""
        wanted = asked.get("q", "").casefold()
        chosen = {name: value for name, value in asked.items() if name != "q" and value}
        return [row for row in rows if _mentions(row, wanted) and all(_is(row, *pair) for pair in chosen.items())]


def _mentions(row: Row, wanted: str) -> bool:
    return not wanted or any(wanted in str(value).casefold() for value in row.values() if not isinstance(value, dict))


def _is(row: Row, name: str, value: str) -> bool:
    return str(row.get(name)).lower() == value


_STATE = Column("state", later("State"), "state")
_LOCATION = Filter("location", later("Location"), "location")

REGISTRATIONS = Listing(
    name="registrations",
    title=later("Registrations"),
    path="/api/v1/registrations",
    one="/api/v1/registrations/by-id/{id}",
    columns=(
        Column("id", later("Number"), "id"),
        Column("email", later("Person"), "strong"),
        Column("workshop", later("Workshop"), "workshop"),
        _STATE,
        Column("student", later("Seat"), "seat", of="student_id"),
        Column("location", later("Location")),
        Column("completion", later("Completed"), "percent"),
        Column("created_at", later("Registered"), "moment"),
        Column("ends_at", later("Ends"), "moment"),
    ),
    filters=(
        Filter("state", later("State"), choices=REGISTRATION_STATES),
        Filter("workshop", later("Workshop"), "workshop"),
        _LOCATION,
        Filter("since", later("Since"), "date"),
        Filter("until", later("Until"), "date"),
    ),
    lead=later("Who has registered for what, and how it went. Search by name, address, company, number or seat."),
    heads=("export-person", "erase-person"),
)
STUDENTS = Listing(
    name="students",
    title=later("Seats"),
    path="/api/v1/students",
    one="/api/v1/students/{id}",
    columns=(
        Column("id", later("Number"), "id"),
        Column("username", later("Account"), "strong"),
        Column("location_id", later("Location"), "location"),
        _STATE,
        Column("generation", later("Times given"), "number"),
        Column("prepared_at", later("Ready since"), "moment"),
    ),
    filters=(Filter("state", later("State"), choices=STUDENT_STATES), _LOCATION),
    lead=later("Numbered accounts, used again and again. Search by account."),
)
COMMANDS = Listing(
    name="commands",
    title=later("Commands"),
    path="/api/v1/commands",
    one="/api/v1/commands/{id}",
    columns=(
        Column("verb", later("Command"), "command", of="id"),
        Column("workshop", later("Workshop"), "workshop"),
        _STATE,
        Column("registration_id", later("Registration"), "registration"),
        Column("student_id", later("Seat"), "student"),
        Column("attempts", later("Sent"), "times"),
        Column("created_at", later("Asked for"), "moment"),
        Column("finished_at", later("Ended"), "moment"),
        Column("error", later("Error"), "clipped"),
    ),
    filters=(
        Filter("state", later("State"), choices=COMMAND_STATES),
        Filter("verb", later("Command"), choices=VERBS),
        _LOCATION,
        Filter("registration", later("Registration"), "text"),
    ),
    lead=later("What the locations were told to do with their seats, and how it ended."),
    searched=False,
)
MAILS = Listing(
    name="mails",
    title=later("Mails"),
    path="/api/v1/mails",
    columns=(
        Column("template", later("Mail"), "strong"),
        Column("recipient", later("To")),
        Column("state", later("State"), "mail"),
        Column("registration_id", later("Registration"), "registration"),
        Column("attempts", later("Tries"), "number"),
        Column("created_at", later("Written"), "moment"),
        Column("sent_at", later("Sent"), "moment"),
        Column("error", later("Error"), "clipped"),
    ),
    filters=(
        Filter("state", later("State"), choices=MAIL_STATES),
        Filter("template", later("Mail"), "text"),
        Filter("registration", later("Registration"), "text"),
    ),
    lead=later("Every mail and whether it has left. Search by address."),
    detailed=False,
)
NOTICES = Listing(
    name="notices",
    title=later("Notices"),
    path="/api/v1/notices",
    columns=(
        Column("at", later("When"), "moment"),
        Column("kind", later("Kind"), "strong"),
        Column("text", later("What happened"), "long"),
        Column("location_id", later("Location"), "location"),
        Column("registration_id", later("Registration"), "registration"),
    ),
    filters=(Filter("kind", later("Kind"), "text"),),
    lead=later("What an operator has to know of, the latest first."),
    detailed=False,
)
AUDIT = Listing(
    name="audit",
    title=later("Audit"),
    path="/api/v1/audit",
    columns=(
        Column("at", later("When"), "moment"),
        Column("username", later("Who"), "strong"),
        Column("action", later("What"), "code"),
        Column("object_id", later("On"), "object", of="object_type"),
        Column("data", later("With"), "data"),
    ),
    filters=(
        Filter("username", later("Who"), "text"),
        Filter("object_type", later("Kind of object"), "text"),
        Filter("object_id", later("Object"), "text"),
    ),
    lead=later("Who did what, the latest first. It stays when an account is gone."),
    detailed=False,
)
WORKSHOPS = Listing(
    name="workshops",
    title=later("Workshops"),
    path="/api/v1/workshops",
    one="/api/v1/workshops/{id}",
    identity="notebook",
    columns=(
        Column("name", later("Workshop"), "workshop_name", of="notebook"),
        Column("active", later("Active"), "yes"),
        Column("room", later("Free"), "room", of="seats"),
        Column("session_type", later("Kind")),
        Column("category", later("Categories"), "list"),
        Column("presenter", later("Presenter")),
        Column("paused", later("Paused"), "clipped"),
    ),
    filters=(Filter("active", later("Active"), choices=("true", "false")),),
    lead=later("What is given, where, and how many seats are free right now."),
    whole=True,
    heads=("sync",),
)
LOCATIONS = Listing(
    name="locations",
    title=later("Locations"),
    path="/api/v1/locations",
    one="/api/v1/locations/{id}",
    columns=(
        Column("name", later("Location"), "location_name", of="id"),
        Column("healthy", later("Health"), "health", of="unhealthy_reason"),
        Column("seats", later("Seats"), "seats"),
        Column("running_registrations", later("Sessions"), "number"),
        Column("commands_waiting", later("Commands waiting"), "number"),
        Column("drained_at", later("Drained since"), "moment"),
        Column("last_heartbeat_at", later("Last heard of"), "moment"),
    ),
    lead=later("The back ends: a hub with seats each."),
    whole=True,
    heads=("new-location",),
)
ACCOUNTS = Listing(
    name="accounts",
    title=later("Accounts"),
    path="/api/v1/accounts",
    one="/api/v1/accounts/{id}",
    columns=(
        Column("username", later("Account"), "account", of="id"),
        Column("role", later("Role"), "choice"),
        Column("email", later("E-mail")),
        Column("location_id", later("Location"), "location"),
        Column("created_at", later("Since"), "moment"),
    ),
    filters=(Filter("role", later("Role"), choices=("instructor", "moderator", "admin", "agent", "user")),),
    lead=later("Operators, instructors and agents. Visitors need none."),
    needs=Rank.ADMIN,
    heads=("new-account",),
)
ANNOUNCEMENTS = Listing(
    name="announcements",
    title=later("Announcements"),
    path="/api/v1/announcements",
    columns=(
        Column("created_at", later("When"), "moment"),
        Column("text", later("Text"), "long"),
        Column("location", later("Location"), "location"),
        Column("workshop", later("Workshop"), "workshop"),
        Column("sessions", later("Sessions told"), "number"),
        Column("created_by", later("By")),
    ),
    lead=later("What running sessions were told."),
    searched=False,
    detailed=False,
    heads=("announce",),
)
PAUSES = Listing(
    name="pauses",
    title=later("Pauses"),
    path="/api/v1/pauses",
    identity="scope",
    columns=(
        Column("text", later("What visitors read"), "long"),
        Column("location", later("Location"), "location"),
        Column("workshop", later("Workshop"), "workshop"),
        Column("created_at", later("Since"), "moment"),
        Column("created_by", later("By")),
    ),
    lead=later("Where nobody is registered at present. Sessions that run go on."),
    whole=True,
    searched=False,
    detailed=False,
    heads=("pause",),
)

CLASSES = Listing(
    name="classes",
    title=later("Classes"),
    path="/api/v1/classes",
    one="/api/v1/classes/{id}",
    columns=(
        Column("id", later("Number"), "id"),
        Column("title", later("Class"), "strong"),
        Column("workshop", later("Workshop"), "taught"),
        _STATE,
        Column("starts_at", later("Begins"), "moment"),
        Column("ends_at", later("Ends"), "moment"),
        Column("joined", later("In"), "room", of="seats"),
        Column("help_wanted", later("Want help"), "alarm"),
        Column("location_name", later("Location")),
        Column("instructor", later("Instructor")),
    ),
    filters=(
        Filter("over", later("Over"), choices=("false", "true")),
        Filter("workshop", later("Workshop"), "workshop"),
        Filter("since", later("Since"), "date"),
        Filter("until", later("Until"), "date"),
    ),
    lead=later("Seats of a workshop, booked for a time and a group."),
    searched=False,
    needs=Rank.INSTRUCTOR,
    heads=("new-class",),
)

LISTINGS: dict[str, Listing] = {
    listing.name: listing
    for listing in (
        REGISTRATIONS,
        WORKSHOPS,
        LOCATIONS,
        STUDENTS,
        COMMANDS,
        MAILS,
        NOTICES,
        PAUSES,
        ANNOUNCEMENTS,
        ACCOUNTS,
        AUDIT,
        CLASSES,
    )
}


def with_scope(row: Row) -> Row:
    """A pause has no number: where it counts is what it is."""
    location, workshop = row.get("location"), row.get("workshop")
    scope = f"location={location}" if location is not None else f"workshop={workshop}" if workshop else "everywhere"
    return row | {"scope": scope}


def readable(row: Row) -> dict[str, Any]:
    """For a sheet: one value a field, nested ones spelt out."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": part for inner, part in value.items()}
        else:
            flat[name] = ", ".join(map(str, value)) if isinstance(value, list) else value
    return flat

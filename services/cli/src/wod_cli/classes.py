"""``wod class``: seats that are booked for a time, and whoever takes part."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wod_cli.calls import Call, command, group
from wod_cli.failures import Misused
from wod_cli.options import LimitOption, LocationOption, RegistrationArgument, WorkshopArgument, WorkshopOption

app = group("class", "Classes: seats booked for a time, and whoever takes part.")

COLUMNS = ("id", "state", "title", "workshop", "location_name", "starts_at", "ends_at", "seats", "joined", "code")
PARTICIPANTS = ("id", "name", "email", "username", "state", "completion", "first_login_at", "help_wanted_at")
#: Both open the registration to whoever has them, and the speaker gets them by mail.
SECRETS = ("token", "browser_key")

ClassArgument = Annotated[int, typer.Argument(metavar="CLASS", min=1, help="The class's id.")]
SeatsOption = Annotated[int, typer.Option("--seats", min=1, help="Participants at a time, without the speaker.")]
FromOption = Annotated[str, typer.Option("--from", help="Its start, e.g. 2026-12-01T09:00; local time without a zone.")]
UntilOption = Annotated[str, typer.Option("--until", help="Its end, written like the start.")]
TitleOption = Annotated[str, typer.Option("--title", help="What participants know it by; by default the workshop.")]
SpeakerOption = Annotated[bool, typer.Option("--speaker/--no-speaker", help="One more seat for whoever speaks.")]
OverOption = Annotated[bool | None, typer.Option("--over/--coming", help="Only those that have ended, or have not.")]
NewSeatsOption = Annotated[int | None, typer.Option("--seats", min=1, help="Another number of participants.")]
NewFromOption = Annotated[str | None, typer.Option("--from", help="Another start.")]
NewUntilOption = Annotated[str | None, typer.Option("--until", help="Another end, for everybody's lab.")]
NewTitleOption = Annotated[str | None, typer.Option("--title", help="Another title.")]
RosterArgument = Annotated[Path, typer.Argument(metavar="FILE", help="CSV whose first line names email and name.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Read it and invite nobody.")]
TermsOption = Annotated[str, typer.Option("--terms", help="The version of the terms that you have accepted.")]


@command(app, "list")
def list_classes(
    call: Call,
    workshop: WorkshopOption = None,
    location: LocationOption = None,
    over: OverOption = None,
    limit: LimitOption = 100,
) -> None:
    """Your classes; all of them for a moderator or an admin. The latest booked first."""
    with call.api() as api:
        query = {"workshop": workshop, "location": location, "over": over}
        call.out.rows(api.items("classes", limit, **query), COLUMNS)


@command(app, "book")
def book(  # noqa: PLR0913, PLR0917 - the options of one command
    call: Call,
    workshop: WorkshopArgument,
    seats: SeatsOption,
    from_: FromOption,
    until: UntilOption,
    title: TitleOption = "",
    location: LocationOption = None,
    speaker: SpeakerOption = True,
) -> None:
    """Books the seats. What does not fit is refused with the nearest times and places that do."""
    wanted = {"workshop": workshop, "seats": seats, "title": title, "location": location, "speaker_seat": speaker}
    times = {"starts_at": _moment(from_), "ends_at": _moment(until)}
    with call.api() as api:
        call.out.thing(api.post("classes", wanted | times))


@command(app, "show")
def show(call: Call, class_: ClassArgument) -> None:
    """One class: its code, how many are in, whose labs stand ready, who wants help."""
    with call.api() as api:
        call.out.thing(api.get(f"classes/{class_}"))


@command(app, "change")
def change(
    call: Call,
    class_: ClassArgument,
    seats: NewSeatsOption = None,
    from_: NewFromOption = None,
    until: NewUntilOption = None,
    title: NewTitleOption = None,
) -> None:
    """Changes what is given. A later end extends everybody's lab; who is invited hears of other times."""
    times = {"starts_at": from_ and _moment(from_), "ends_at": until and _moment(until)}
    given = {"seats": seats, "title": title} | times
    with call.api() as api:
        call.out.thing(
            api.patch(f"classes/{class_}", {name: value for name, value in given.items() if value is not None})
        )


@command(app, "open")
def open_class(call: Call, class_: ClassArgument) -> None:
    """Starts all: labs are made and participants let in from now on."""
    with call.api() as api:
        call.out.thing(api.post(f"classes/{class_}/open"))


@command(app, "new-code")
def new_code(call: Call, class_: ClassArgument) -> None:
    """Another join code, for one that has leaked. Who is in stays in; who is invited gets the new one by mail."""
    with call.api() as api:
        call.out.thing(api.post(f"classes/{class_}/code"))


@command(app, "end")
def end(call: Call, class_: ClassArgument) -> None:
    """Ends all: every lab, and the booking. Before its start the class is cancelled."""
    with call.api() as api:
        call.out.thing(api.post(f"classes/{class_}/end"))


@command(app, "participants")
def participants(call: Call, class_: ClassArgument) -> None:
    """Who is in and how far; those who want help first."""
    with call.api() as api:
        call.out.rows(api.get(f"classes/{class_}/participants")["items"], PARTICIPANTS)


@command(app, "help-done")
def help_done(call: Call, class_: ClassArgument, registration: RegistrationArgument) -> None:
    """The participant has been helped."""
    with call.api() as api:
        api.post(f"classes/{class_}/participants/{registration}/help-done")
    call.out.done(f"{registration} has been helped", {"registration": registration, "help_wanted_at": None})


@command(app, "roster")
def roster(call: Call, class_: ClassArgument, file: RosterArgument, dry_run: DryRunOption = False) -> None:
    """Invites everybody on the list who is not invited yet. While a line is broken nobody is invited."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Misused(f"{file} cannot be read: {error.strerror}") from error
    with call.api() as api:
        call.out.thing(api.send(f"classes/{class_}/roster", content, "text/csv", dry_run=dry_run))


@command(app, "invitations")
def invitations(call: Call, class_: ClassArgument) -> None:
    """The roster, with what became of each mail and who has joined."""
    with call.api() as api:
        call.out.rows(api.get(f"classes/{class_}/invitations")["items"], ("email", "name", "mail", "joined"))


@command(app, "speak")
def speak(call: Call, class_: ClassArgument, terms: TermsOption) -> None:
    """A lab for you, on the speaker's seat. The way to it goes to your account's address by mail."""
    with call.api() as api:
        made: dict[str, Any] = api.post(f"classes/{class_}/speaker", {"terms_version": terms})
    call.out.thing({field: value for field, value in made.items() if field not in SECRETS})


def _moment(text: str) -> str:
    """With its zone; that of this machine where none is written. Raises Misused."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError) as error:
        raise Misused(f"{text!r} is no time: 2026-12-01T09:00 is one, 2026-12-01T09:00+01:00 another") from error

"""``wod registrations``: persons and their labs."""

from typing import Annotated

import typer

from wod_cli.calls import Call, command, group
from wod_cli.options import (
    LimitOption,
    LocationOption,
    ReasonOption,
    RegistrationArgument,
    StateOption,
    WorkshopArgument,
    WorkshopOption,
)

app = group("registrations", "Persons and their labs.")

COLUMNS = (
    "id",
    "state",
    "workshop",
    "location",
    "student",
    "email",
    "created_at",
    "waiting_since",
    "ends_at",
    "completion",
    "failure",
)
#: Both open the registration to whoever has them, and the person gets them by mail.
SECRETS = ("token", "browser_key")

EmailOption = Annotated[str | None, typer.Option("--email", help="Only of this address.")]
PersonOption = Annotated[str, typer.Option("--email", help="Where the password goes.")]
NameOption = Annotated[str, typer.Option("--name", help="The person's name.")]
CompanyOption = Annotated[str, typer.Option("--company", help="Where the person works.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Where there is no room, join the waiting list.")]
TermsOption = Annotated[str, typer.Option("--terms", help="The version of the terms that the person has accepted.")]


@command(app, "list")
def list_registrations(
    call: Call,
    state: StateOption = None,
    workshop: WorkshopOption = None,
    location: LocationOption = None,
    email: EmailOption = None,
    limit: LimitOption = 100,
) -> None:
    """Registrations, the latest first."""
    with call.api() as api:
        query = {"state": state, "workshop": workshop, "location": location, "email": email}
        call.out.rows(api.items("registrations", limit, **query), COLUMNS)


@command(app, "show")
def show(call: Call, registration: RegistrationArgument) -> None:
    """One registration with its story and its mails."""
    with call.api() as api:
        call.out.thing(api.get(f"registrations/by-id/{registration}"))


@command(app, "end")
def end(call: Call, registration: RegistrationArgument, reason: ReasonOption) -> None:
    """Ends a session, or cancels it while the lab is not ready."""
    with call.api() as api:
        call.out.thing(api.post(f"registrations/by-id/{registration}/end", {"reason": reason}))


@command(app, "add")
def add(
    call: Call,
    workshop: WorkshopArgument,
    email: PersonOption,
    name: NameOption,
    terms: TermsOption,
    company: CompanyOption = "",
    *,
    wait: WaitOption = False,
) -> None:
    """Registers a person, or yourself to try a workshop. The way to the lab goes to the address by mail, as ever."""
    person = {
        "workshop": workshop,
        "email": email,
        "name": name,
        "company": company,
        "terms_version": terms,
        "wait": wait,
    }
    with call.api() as api:
        answer = api.post("registrations", person)
    call.out.thing({field: value for field, value in answer.items() if field not in SECRETS})

"""``wod mail``: what was sent to persons."""

from typing import Annotated

import typer

from wod_cli.calls import Call, command, group
from wod_cli.options import LimitOption, MailArgument, StateOption

app = group("mail", "What was sent to persons.")

COLUMNS = ("id", "registration_id", "template", "recipient", "state", "attempts", "created_at", "sent_at", "error")

TemplateOption = Annotated[str | None, typer.Option("--template", help="Only of this kind, e.g. credentials.")]
RegistrationOption = Annotated[int | None, typer.Option("--registration", min=1, help="Only of this registration.")]
RecipientOption = Annotated[str | None, typer.Option("--recipient", help="Only to this address.")]


@command(app, "list")
def list_mails(
    call: Call,
    state: StateOption = None,
    template: TemplateOption = None,
    registration: RegistrationOption = None,
    recipient: RecipientOption = None,
    limit: LimitOption = 100,
) -> None:
    """Mails, the latest first."""
    query = {"state": state, "template": template, "registration": registration, "recipient": recipient}
    with call.api() as api:
        call.out.rows(api.items("mails", limit, **query), COLUMNS)


@command(app, "resend")
def resend(call: Call, mail: MailArgument) -> None:
    """Sends a mail again that failed or has come back."""
    with call.api() as api:
        call.out.thing(api.post(f"mails/{mail}/resend"))

"""``wod mail``: what was sent to persons."""

from typing import Annotated

import typer

from wod_cli.calls import Call, command, group
from wod_cli.failures import Failure
from wod_cli.options import LimitOption, MailArgument, StateOption

app = group("mail", "What was sent to persons.")

FINDINGS = ("ok", "check", "subject", "detail", "mend")
COLUMNS = ("id", "registration_id", "template", "recipient", "state", "attempts", "created_at", "sent_at", "error")

TemplateOption = Annotated[str | None, typer.Option("--template", help="Only of this kind, e.g. credentials.")]
RegistrationOption = Annotated[int | None, typer.Option("--registration", min=1, help="Only of this registration.")]
RecipientOption = Annotated[str | None, typer.Option("--recipient", help="Only to this address.")]
AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="A mailbox that you can look into.")]


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


@command(app, "test")
def test(call: Call, address: AddressArgument) -> None:
    """Has the relay take a mail to this address, and every location's gate a signed look. Exit code 1 when one does not.

    That the relay has taken it is not yet in the mailbox: look there, and among what is unwanted.
    """
    with call.api() as api:
        found = api.post("mails/test", {"recipient": address})["items"]
    call.out.rows(found, FINDINGS)
    if wrong := [finding["check"] for finding in found if not finding["ok"]]:
        raise Failure(f"{len(wrong)} of {len(found)} roads are closed: {', '.join(wrong)}", type_="unwell")

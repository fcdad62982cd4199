"""Options and arguments that several commands share."""

from typing import Annotated
from uuid import UUID

import typer

LocationOption = Annotated[int | None, typer.Option("--location", min=1, help="The location's id.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most, the latest first.")]
StateOption = Annotated[str | None, typer.Option("--state", help="Only those in this state.")]
WorkshopOption = Annotated[str | None, typer.Option("--workshop", help="The workshop's folder, e.g. WKSHP-API101.")]
WorkshopArgument = Annotated[str, typer.Argument(metavar="WKSHP", help="The workshop's folder, e.g. WKSHP-API101.")]
RangeArgument = Annotated[
    str | None,
    typer.Argument(metavar="[MIN[,MAX]]", help="One seat or a range of seats; by default all of the workshop's."),
]
LocationArgument = Annotated[int, typer.Argument(metavar="LOCATION", min=1, help="The location's id.")]
SeatArgument = Annotated[int, typer.Argument(metavar="SEAT", min=1, help="The seat's global id (wod seats list).")]
RegistrationArgument = Annotated[int, typer.Argument(metavar="REGISTRATION", min=1, help="The registration's id.")]
CommandArgument = Annotated[UUID, typer.Argument(metavar="COMMAND", help="The command's id.")]
MailArgument = Annotated[UUID, typer.Argument(metavar="MAIL", help="The mail's id.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for the results and show the progress.")]
PatienceOption = Annotated[float, typer.Option("--patience", min=0.01, help="With --wait: minutes to wait at most.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the audit.")]

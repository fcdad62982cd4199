"""What operators do with sessions and what belongs to them, with accounts, and with texts for everybody."""

from wod_frontend.console.access import Rank
from wod_frontend.console.acts import Act, Field
from wod_frontend.console.backstage import Row
from wod_frontend.language import later

_WHY = Field("reason", later("Why"), hint=later("For the audit; the person does not see it."), most=500)
_TEXT = Field("text", later("Text"), "long", hint=later("One paragraph, shown as it is."), most=500)
_SCOPE = (
    Field("location", later("Only at the location"), "location", required=False),
    Field("workshop", later("Only for the workshop"), "workshop", required=False),
)
_ADDRESS = Field("email", later("E-mail address"), most=254)
_ERASED = later(
    "Sessions that run end, and name, address and texts are taken out of every row. It cannot be undone."
    " Counts stay right."
)
_PASSWORD_HINT = later("At least 12 characters. Tell it to its owner in person.")


def _over(row: Row) -> bool:
    return row["state"] in {"ended", "failed", "cancelled"}


def _may_be_resent(row: Row) -> bool:
    return row["state"] == "failed" or row.get("bounced_at") is not None


ON_PEOPLE: tuple[Act, ...] = (
    Act(
        "end",
        "registrations",
        later("End"),
        later("End these sessions?"),
        later("The labs are wiped, their passwords stop working, and the seats go to others. It cannot be undone."),
        later("The session is ended; its seat is being cleaned."),
        "/api/v1/registrations/by-id/{id}/end",
        fields=(_WHY,),
        destroys=True,
        bulk=True,
        fits=lambda row: not _over(row),
    ),
    Act(
        "extend",
        "registrations",
        later("Give more time"),
        later("Give these sessions more time?"),
        later("They end so much later, whatever the workshop's own rule is. The people see it on their pages."),
        later("The session has more time."),
        "/api/v1/registrations/by-id/{id}/extend",
        fields=(
            Field("minutes", later("Minutes"), "number", begins="30", least=1, most=1440),
            _WHY,
        ),
        bulk=True,
        fits=lambda row: row["state"] in {"running", "expiring"},
    ),
    Act(
        "resend",
        "mails",
        later("Send again"),
        later("Send these mails again?"),
        later("The same mails, to the same addresses."),
        later("The mail is on its way again."),
        "/api/v1/mails/{id}/resend",
        bulk=True,
        fits=_may_be_resent,
    ),
    Act(
        "retry",
        "commands",
        later("Send now"),
        later("Send these commands at once?"),
        later("A location that has a command already does nothing twice."),
        later("The command is being sent."),
        "/api/v1/commands/{id}/retry",
        bulk=True,
        fits=lambda row: row["state"] in {"queued", "sent", "accepted", "running"},
    ),
    Act(
        "clean",
        "students",
        later("Clean"),
        later("Clean these seats?"),
        later("Everything in them is erased. Mend first what has broken them."),
        later("The seat is being cleaned."),
        "/api/v1/students/{id}/clean",
        destroys=True,
        bulk=True,
        fits=lambda row: bool(row["state"] == "broken"),
    ),
    Act(
        "verify",
        "students",
        later("Check"),
        later("Have these seats checked?"),
        later("They are compared with what they should be. Nobody gets them meanwhile; one that differs is cleaned."),
        later("The seat is being checked."),
        "/api/v1/students/{id}/verify",
        bulk=True,
        fits=lambda row: row["state"] in {"free", "ready"},
    ),
    Act(
        "pause",
        "",
        later("Pause registration"),
        later("Pause registration"),
        later("Nobody is let in meanwhile, and visitors read your text. Sessions that run go on."),
        later("Registration is paused."),
        "/api/v1/pauses",
        "PUT",
        fields=(_TEXT, *_SCOPE),
        needs=Rank.ADMIN,
        then="pauses",
    ),
    Act(
        "resume",
        "pauses",
        later("Go on"),
        later("Let people register again?"),
        later("The text is taken from the pages at once."),
        later("Registration goes on."),
        "/api/v1/pauses",
        "DELETE",
        needs=Rank.ADMIN,
        bulk=True,
        given=(("location", "location"), ("workshop", "workshop")),
        in_query=True,
    ),
    Act(
        "announce",
        "",
        later("Announce"),
        later("Tell something to everyone who is in"),
        later("It appears on the page of every session that runs now. It cannot be taken back."),
        later("It is said."),
        "/api/v1/announcements",
        fields=(_TEXT, *_SCOPE),
        needs=Rank.ADMIN,
        then="announcements",
    ),
    Act(
        "new-account",
        "",
        later("New account"),
        later("A new account"),
        later("For a person who operates or teaches. Visitors need none."),
        later("It is made."),
        "/api/v1/accounts",
        fields=(
            Field("username", later("User name"), most=64),
            Field("email", later("E-mail"), most=254),
            Field("role", later("Role"), "choice", choices=("instructor", "moderator", "admin", "agent")),
            Field("location_id", later("Location"), "location", later("For an agent alone."), required=False),
            Field("password", later("Password"), "password", _PASSWORD_HINT, most=200),
        ),
        needs=Rank.ADMIN,
        then="accounts",
    ),
    Act(
        "change-account",
        "accounts",
        later("Change"),
        later("Change this account?"),
        later("With another role or password its sessions end at once."),
        later("The change is made."),
        "/api/v1/accounts/{id}",
        "PATCH",
        fields=(
            Field("email", later("E-mail"), stands="email", most=254),
            Field(
                "role",
                later("Role"),
                "choice",
                choices=("instructor", "moderator", "admin", "agent"),
                stands="role",
            ),
            Field("password", later("New password"), "password", _PASSWORD_HINT, required=False, most=200),
        ),
        needs=Rank.ADMIN,
    ),
    Act(
        "delete-account",
        "accounts",
        later("Delete"),
        later("Delete these accounts?"),
        later("Their sessions end at once. What they did stays in the audit. The last admin stays."),
        later("The account is deleted."),
        "/api/v1/accounts/{id}",
        "DELETE",
        destroys=True,
        bulk=True,
        needs=Rank.ADMIN,
        then="accounts",
    ),
    Act(
        "export-person",
        "",
        later("A person's data"),
        later("Show all that is held under an address?"),
        later("For a person who asks for it. That you looked is kept in the audit, the address is not."),
        later("This is all that is held; copy it for the person."),
        "/api/v1/persons/export",
        fields=(_ADDRESS,),
        needs=Rank.ADMIN,
        then="registrations",
        tells=True,
    ),
    Act(
        "erase-person",
        "",
        later("Erase a person"),
        later("Erase all that is held under an address?"),
        _ERASED,
        later("The person is erased."),
        "/api/v1/persons/erase",
        fields=(_ADDRESS,),
        destroys=True,
        needs=Rank.ADMIN,
        then="registrations",
    ),
    Act(
        "erase",
        "registrations",
        later("Erase the person"),
        later("Erase all that is held under this address?"),
        _ERASED,
        later("The person is erased."),
        "/api/v1/persons/erase",
        given=(("email", "email"),),
        destroys=True,
        needs=Rank.ADMIN,
        fits=lambda row: bool(row["email"]),
    ),
)

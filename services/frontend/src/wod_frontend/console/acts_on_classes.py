"""What instructors do with their classes."""

from wod_frontend.console.access import Rank
from wod_frontend.console.acts import Act, Field
from wod_frontend.console.backstage import Row
from wod_frontend.language import later

_TITLE = Field(
    "title", later("Title"), hint=later("What participants know it by."), required=False, stands="title", most=120
)
_SEATS = Field("seats", later("Participants"), "number", begins="20", stands="seats", least=1, most=1000)
_SPEAKER = Field(
    "speaker_seat",
    later("One more seat for whoever speaks"),
    "check",
    required=False,
    begins="yes",
    stands="speaker_seat",
)
_BEGINS = Field("starts_at", later("Begins (UTC)"), "moment", stands="starts_at")
_ENDS = Field("ends_at", later("Ends (UTC)"), "moment", stands="ends_at")


def _over(row: Row) -> bool:
    return row["state"] in {"ended", "cancelled"}


ON_CLASSES: tuple[Act, ...] = (
    Act(
        "new-class",
        "",
        later("New class"),
        later("A new class"),
        later("Seats are booked for its time, and labs are made ahead so that all are ready at the start."),
        later("The class is booked."),
        "/api/v1/classes",
        fields=(
            Field("workshop", later("Workshop"), "workshop"),
            _TITLE,
            _SEATS,
            _SPEAKER,
            _BEGINS,
            _ENDS,
            Field(
                "location",
                later("Location"),
                "location",
                later("Left out: the first one where it fits."),
                required=False,
            ),
        ),
        needs=Rank.INSTRUCTOR,
        then="classes",
    ),
    Act(
        "change-class",
        "classes",
        later("Change or extend"),
        later("Change this class?"),
        later("A later end gives everybody's lab more time. Whoever is invited hears of other times."),
        later("The class is changed."),
        "/api/v1/classes/{id}",
        "PATCH",
        fields=(_TITLE, _SEATS, _SPEAKER, _BEGINS, _ENDS),
        needs=Rank.INSTRUCTOR,
        fits=lambda row: not _over(row),
    ),
    Act(
        "open-class",
        "classes",
        later("Start all"),
        later("Let participants in now?"),
        later("Labs are made, and whoever has the code gets in, ahead of the time."),
        later("The class is open."),
        "/api/v1/classes/{id}/open",
        needs=Rank.INSTRUCTOR,
        fits=lambda row: bool(row["state"] == "booked"),
    ),
    Act(
        "replace-code",
        "classes",
        later("Another code"),
        later("Give this class another join code?"),
        later("The old code lets nobody in any more. Whoever is in stays in, and whoever is invited gets the new one."),
        later("The class has another code."),
        "/api/v1/classes/{id}/code",
        needs=Rank.INSTRUCTOR,
        fits=lambda row: not _over(row),
    ),
    Act(
        "end-class",
        "classes",
        later("End all"),
        later("End this class?"),
        later(
            "Every lab of it is wiped, and the booking ends. Before the start it cancels the class, and tells who is invited."
        ),
        later("The class is over."),
        "/api/v1/classes/{id}/end",
        destroys=True,
        needs=Rank.INSTRUCTOR,
        fits=lambda row: not _over(row),
    ),
)
